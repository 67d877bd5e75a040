"""What is known before anything is touched: whether a release can go live at all. Raises in words;
changes nothing."""

import json
from collections.abc import Mapping
from pathlib import Path

from charter_engine.bls.tokenizer import TOKENIZER_FILE, TokenizerError, load_tokenizer
from charter_engine.contracts.deploy import Diff, Profile
from charter_engine.triton.errors import InvalidInput, TritonRefused
from charter_engine.triton.place import Place
from charter_engine.triton.release import Release


def require_possible(diff: Diff) -> None:
    """Raises `InvalidInput` naming every change that the deployment cannot take."""
    impossible = [change for change in diff.changes if not change.possible]
    if impossible:
        shown = "".join(f"\n  {item.place} {item.key}: {item.reason}" for item in impossible)
        raise InvalidInput(
            f"this deployment cannot take the plan:{shown}", remedy="leave these changes out"
        )


def require_loadable(release: Release, profile: Profile) -> None:
    """Raises `TritonRefused` where models would have to be loaded, and the server loads none."""
    if (release.loads or release.unloads) and not profile.load_unload:
        raise TritonRefused(
            f"nothing was changed: {profile.reasons.get('load_unload', 'no model can be loaded')}",
            remedy="start tritonserver with --model-control-mode=explicit",
        )


def require_no_strangers(release: Release, place: Place) -> None:
    """A model that goes must go whole: a folder that stays without its configuration keeps Triton
    from starting. Raises `TritonRefused` naming files that are not Charter's."""
    for model in release.unloads:
        strangers = [path for path in place.files_of(model) if path not in release.files]
        if strangers:
            raise TritonRefused(
                f"nothing was changed: {model} holds files that no push put there: "
                f"{', '.join(strangers)}",
                remedy="move them away: without its configuration, Triton cannot start on what "
                "would be left",
            )


def require_own_tokenizer(given: str, named: str | None, engine: Mapping[str, str]) -> None:
    """Raises `InvalidInput` where a tokenizer is none, or is known not to be the model's.

    It is compared with the one that the deployment names, as far as that can be read from here, and
    with the size of the engine's vocabulary.
    """
    try:
        vocabulary = load_tokenizer(Path(given)).get_vocab(with_added_tokens=True)
    except TokenizerError as error:
        raise InvalidInput(
            f"--tokenizer {given}: {error}", remedy="name a tokenizer.json, or its directory"
        ) from None
    for other in (named, engine.get("tokenizer_dir"), engine.get("gpt_model_path")):
        if other and _vocabulary(other) not in (None, vocabulary):
            raise InvalidInput(
                f"--tokenizer {given} is not the tokenizer of this deployment, {other}",
                remedy="leave it out, or give the one that the engine was built for",
            )
    size = _vocabulary_size(engine.get("gpt_model_path", ""))
    if size is not None and len(vocabulary) > size:
        raise InvalidInput(
            f"--tokenizer {given} has {len(vocabulary)} tokens, and the engine knows {size}",
            remedy="give the one that the engine was built for",
        )


def _vocabulary(path: str) -> dict[str, int] | None:
    """The tokens of a tokenizer that can be read from here."""
    file = Path(path) / TOKENIZER_FILE if Path(path).is_dir() else Path(path)
    try:
        return load_tokenizer(file).get_vocab(with_added_tokens=True) if file.is_file() else None
    except TokenizerError:
        return None


def _vocabulary_size(engine: str) -> int | None:
    """What an engine's `config.json` says of its vocabulary, where it can be read from here."""
    try:
        config = json.loads((Path(engine) / "config.json").read_bytes())
        return int(config["pretrained_config"]["vocab_size"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
