"""Three chained calls over one document: extract, validate, classify."""

from dataclasses import dataclass
from typing import Protocol


class Client(Protocol):
    """Anything that completes a prompt."""

    def generate(self, prompt: str, max_tokens: int) -> str: ...


@dataclass(frozen=True)
class DocumentReport:
    """What is known about a document after all three calls."""

    entities: str
    validation: str
    classification: str


class DocumentProcessor:
    """Reads a document the way an analyst would: who is in it, is that right, and what is it about."""

    SYSTEM_PROMPT = """You are an expert document analyst. You read business and technical documents with care and
report only what they say. Your work has three parts.

Entity extraction: find every person, organisation, date and location that the document names. Give each
one once, spelled as in the document, with the role it plays there.

Validation against the source: compare every statement with the wording of the document. A statement that
the text does not support is reported as such, never repaired in silence.

Classification: decide what kind of document this is, what it is chiefly about, and how sure you are.

Answer in the format that the task asks for. Add no introduction and no closing remark. If the document
does not hold what is asked for, say so in one sentence instead of guessing."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def process(self, document: str) -> DocumentReport:
        """Run the three calls on one document."""
        extraction_prompt = f"""{self.SYSTEM_PROMPT}

Task: Extract all named entities from the document below. Return them as JSON with the keys "people",
"organisations", "dates" and "locations", each a list of objects with "name" and "context".

Document:
{document}

Entities:"""
        entities = self.client.generate(extraction_prompt, max_tokens=500)

        validation_prompt = f"""{self.SYSTEM_PROMPT}

Task: Check the extracted entities against the source document. Mark every entity as verified, uncertain
or incorrect, and give the words of the document on which the verdict rests.

Extracted entities:
{entities}

Source document:
{document}

Validated entities:"""
        validation = self.client.generate(validation_prompt, max_tokens=500)

        classification_prompt = f"""{self.SYSTEM_PROMPT}

Task: Classify the document. Give the document type, the primary topic, a confidence between 0 and 1, and
the three key insights a reader should take away.

Document:
{document}

Validated entities:
{validation}

Classification:"""
        classification = self.client.generate(classification_prompt, max_tokens=300)

        return DocumentReport(entities, validation, classification)


if __name__ == "__main__":
    import charter_engine as charter

    print(*charter.over_inputs(DocumentProcessor(charter.Client()).process), sep="\n\n")
