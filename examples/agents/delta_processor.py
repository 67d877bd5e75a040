"""One call in a loop: the same analysis for many companies, each a row of data."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Client(Protocol):
    """Anything that completes a prompt."""

    def generate(self, prompt: str, max_tokens: int) -> str: ...


class DeltaProcessor:
    """Writes the same five-point analysis of every company; only the figures differ from call to call."""

    SYSTEM_PROMPT = """You are a business analyst who writes short, sober company assessments for an investment
committee. You rely on the figures given, name the assumptions you make, and separate what the figures show
from what they merely suggest. Your readers know the vocabulary; they want judgement, not definitions."""

    TEMPLATE = """Company: {company}
Annual revenue: {annual_revenue}
Employee count: {employee_count}
Industry: {industry}
Founding year: {founding_year}

Write an analysis of this company under the following five headings:
1. Financial health: what revenue and headcount together say about efficiency and resilience.
2. Growth: how fast the company has come to its present size, and what could carry or slow it from here.
3. Market position: where it stands among companies of its industry and size.
4. Risks: the two or three things most likely to go wrong in the next three years.
5. Recommendation: invest, watch or pass, with the one reason that decides it.

Analysis:"""

    def __init__(self, client: Client) -> None:
        self.client = client

    def batch_process(self, companies: Sequence[Mapping[str, str]]) -> list[str]:
        """Analyse every company in turn."""
        analyses = []
        for row in companies:
            prompt = self.SYSTEM_PROMPT + "\n\n" + self.TEMPLATE.format(**row)
            analysis = self.client.generate(prompt, max_tokens=400)
            analyses.append(analysis)
        return analyses


COMPANIES = [
    {"company": "TechCorp", "annual_revenue": "$10M", "employee_count": "50", "industry": "Software", "founding_year": "2019"},
    {"company": "DataInc", "annual_revenue": "$15M", "employee_count": "75", "industry": "Analytics", "founding_year": "2018"},
    {"company": "CloudCo", "annual_revenue": "$8M", "employee_count": "40", "industry": "Cloud Services", "founding_year": "2020"},
    {"company": "AIStart", "annual_revenue": "$5M", "employee_count": "25", "industry": "AI/ML", "founding_year": "2021"},
    {"company": "SecureNet", "annual_revenue": "$12M", "employee_count": "60", "industry": "Cybersecurity", "founding_year": "2017"},
    {"company": "DevTools", "annual_revenue": "$20M", "employee_count": "100", "industry": "Developer Tools", "founding_year": "2016"},
    {"company": "MobileApp", "annual_revenue": "$7M", "employee_count": "35", "industry": "Mobile", "founding_year": "2020"},
    {"company": "WebScale", "annual_revenue": "$25M", "employee_count": "120", "industry": "Infrastructure", "founding_year": "2015"},
    {"company": "DataFlow", "annual_revenue": "$9M", "employee_count": "45", "industry": "Data Engineering", "founding_year": "2019"},
    {"company": "MLOps", "annual_revenue": "$11M", "employee_count": "55", "industry": "ML Operations", "founding_year": "2020"},
]


if __name__ == "__main__":
    import charter_engine as charter

    for analyses in charter.over_inputs(DeltaProcessor(charter.Client()).batch_process):
        print(*analyses, sep="\n\n")
