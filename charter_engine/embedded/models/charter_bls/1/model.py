"""`charter_bls`: text in, the plan's retention added, `tensorrt_llm` called, text and KV counters out.

A thin adapter between Triton's Python backend and the package `charter_bls_model` beside it. Requests are answered
from a pool of threads through response senders, so that as many are in flight as the engine takes.
"""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils
from charter_bls_model.answer import COUNTERS, TIMES, WANTED, read_answer
from charter_bls_model.contract import contract_from_config, contract_from_parameters
from charter_bls_model.metrics import NodeMetrics
from charter_bls_model.plan import PlanError, parse_plan, parse_retention, read_plan
from charter_bls_model.prompt import UNMATCHED, Arrival, Preparer, RequestError, Tokenizer
from charter_bls_model.words import word_list

DEFAULT_IN_FLIGHT = 128
CANCELLATION_CHECK_SECONDS = 0.1
SAMPLING = {
    "temperature": ("temperature",),
    "top_k": ("runtime_top_k",),
    "top_p": ("runtime_top_p",),
    "len_penalty": ("len_penalty",),
    "repetition_penalty": ("repetition_penalty",),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "min_tokens": ("min_tokens", "min_length"),
    "seed": ("seed", "random_seed"),
    "end_id": ("end_id",),
    "pad_id": ("pad_id",),
}
"""Our inputs and the inner model's names for them, newest first."""


class TritonPythonModel:
    """One instance. A plan that cannot be used fails the load, and the instance before it goes on serving."""

    def initialize(self, args):
        config = json.loads(args["model_config"])
        parameters = {key: item["string_value"] for key, item in config["parameters"].items()}
        directory = Path(args["model_repository"])
        version = directory / args["model_version"]
        self.inner = parameters.get("inner_model") or "tensorrt_llm"
        self.contract = contract_from_parameters(parameters) or contract_from_config(
            directory.parent / self.inner / "config.pbtxt"
        )
        self.tokens_per_block = int(parameters.get("tokens_per_block") or 0) or None
        self.decoupled = pb_utils.using_decoupled_model_transaction_policy(config)
        try:
            given = parameters.get("charter_plan")
            stamped = parameters.get("charter_revision")
            plan = parse_plan(given) if given else read_plan(version / "plan.json", stamped)
        except PlanError as error:
            raise pb_utils.TritonModelException(str(error)) from None
        self.preparer = Preparer(plan, self._tokenizer(parameters, directory))
        self.metrics = NodeMetrics(pb_utils, plan)
        self.revision = np.array([plan.revision], np.int32)
        in_flight = int(parameters.get("max_in_flight") or DEFAULT_IN_FLIGHT)
        self.threads = ThreadPoolExecutor(in_flight, thread_name_prefix="request")
        self.in_flight = set()
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        if "stop" in self.contract.inputs:
            self.watcher.start()

    def _tokenizer(self, parameters, directory):
        path = parameters.get("tokenizer_dir")
        if not path:
            return None
        special = parameters.get("add_special_tokens", "true").lower() == "true"
        return Tokenizer(directory / path, add_special_tokens=special)

    def execute(self, requests):
        for request in requests:
            answering = _Answering(request)
            with self.lock:
                self.in_flight.add(answering)
            self.threads.submit(self._answer, answering)

    def finalize(self):
        self.threads.shutdown(wait=True)
        self.closing.set()
        if self.watcher.is_alive():
            self.watcher.join()
        self.metrics.close()

    def _answer(self, answering):
        request = answering.request
        try:
            prompt = self.preparer.prepare(_arrival(request))
            if self.decoupled:
                self._stream(answering, prompt)
            else:
                response = self._call(answering, prompt).exec()
                answering.finish(self._response(prompt, _arrays(response, prompt, self.metrics)))
        except (RequestError, PlanError, json.JSONDecodeError, UnicodeDecodeError) as error:
            answering.fail(str(error), pb_utils.TritonError.INVALID_ARG)
        except _InnerFailed as error:
            answering.fail(str(error), error.code)
        except Exception as error:
            answering.fail(f"charter_bls: {type(error).__name__}: {error}", pb_utils.TritonError.INTERNAL)
        finally:
            with self.lock:
                self.in_flight.discard(answering)

    def _watch(self):
        """Stop the engine's work for clients that went away; nothing in Triton passes a cancellation on to BLS."""
        while not self.closing.wait(CANCELLATION_CHECK_SECONDS):
            with self.lock:
                in_flight = list(self.in_flight)
            for answering in in_flight:
                if answering.became_cancelled():
                    self.threads.submit(self._stop, answering.name)

    def _stop(self, name):
        inputs = {
            "input_ids": np.zeros(1, np.int32),
            "input_lengths": np.ones(1, np.int32),
            "request_output_len": np.ones(1, np.int32),
            "stop": np.array([True]),
        }
        request = pb_utils.InferenceRequest(
            model_name=self.inner,
            request_id=name,
            inputs=self._tensors(inputs),
            requested_output_names=["output_ids"],
        )
        if self.decoupled:
            list(request.exec(decoupled=True))
        else:
            request.exec()

    def _stream(self, answering, prompt):
        """Each response holds the text since the one before; the counters and times come with the last."""
        request, sender = answering.request, answering.sender
        tokens, said, last = [], "", {}
        for response in self._call(answering, prompt).exec(decoupled=True):
            arrays = _arrays(response, prompt, self.metrics)
            if "output_ids" not in arrays:
                continue
            last = {**last, **arrays}
            tokens += read_answer(arrays, len(prompt.token_ids), None).output_ids
            text = self.preparer.tokenizer.decode(tokens)
            if _flag(request, "stream") and not text.endswith("\N{REPLACEMENT CHARACTER}"):
                sender.send(pb_utils.InferenceResponse([_text("text_output", text[len(said) :])]))
                said = text
        last["output_ids"] = np.array(tokens, np.int32)
        last["sequence_length"] = np.array([len(tokens)], np.int32)
        answering.finish(self._response(prompt, last, said))

    def _call(self, answering, prompt):
        return pb_utils.InferenceRequest(
            model_name=self.inner,
            request_id=answering.name,
            inputs=self._tensors(self._arrays(answering.request, prompt)),
            requested_output_names=[name for name in WANTED if name in self.contract.outputs],
        )

    def _arrays(self, request, prompt):
        ids = np.asarray(prompt.token_ids, np.int32)
        arrays = {
            "input_ids": ids,
            "input_lengths": np.array([ids.size], np.int32),
            "request_output_len": pb_utils.get_input_tensor_by_name(request, "max_tokens").as_numpy().reshape(-1),
            "exclude_input_in_output": np.array([True]),
            "return_perf_metrics": np.array([True]),
            "return_kv_cache_reuse_stats": np.array([True]),
            "streaming": np.array([self.decoupled and _flag(request, "stream")]),
            **{name: np.array(values, np.int32) for name, values in prompt.retention.items()},
        }
        for name, inner_names in SAMPLING.items():
            tensor = pb_utils.get_input_tensor_by_name(request, name)
            if tensor is not None:
                inner = next((inner for inner in inner_names if inner in self.contract.inputs), None)
                if inner is None:
                    raise RequestError(f"{self.inner} takes no {name}")
                arrays[inner] = tensor.as_numpy().reshape(-1)
        stop_words = _texts(request, "stop_words")
        if stop_words:
            encode = self.preparer.tokenizer.encode
            words = [encode(word, begins_prompt=False)[0] for word in stop_words]
            arrays["stop_words_list"] = np.array(word_list(words), np.int32)
        return arrays

    def _tensors(self, arrays):
        return [
            pb_utils.Tensor(name, array[None] if self.contract.batched else array)
            for name, array in arrays.items()
            if name in self.contract.inputs
        ]

    def _response(self, prompt, arrays, said=""):
        answer = read_answer(arrays, len(prompt.token_ids), self.tokens_per_block)
        self.metrics.count(
            prompt.node,
            requests=1,
            prompt_tokens=answer.prompt_tokens,
            reused_tokens=answer.reused_tokens,
            reused_blocks=answer.reused_blocks,
            missed_blocks=answer.missed_blocks,
            ttft_seconds=answer.ttft_seconds,
        )
        tokenizer = self.preparer.tokenizer
        text = tokenizer.decode(answer.output_ids)[len(said) :] if tokenizer else ""
        numbers = {
            **{name: answer.numbers[name] for name in COUNTERS if name in answer.numbers},
            "kv_cache_reused_tokens": answer.reused_tokens,
            "kv_cache_missed_blocks": answer.missed_blocks,
            "num_input_tokens": answer.prompt_tokens,
            "num_output_tokens": len(answer.output_ids),
        }
        outputs = [
            _text("text_output", text),
            _text("charter_node", "" if prompt.node == UNMATCHED else prompt.node),
            pb_utils.Tensor("charter_revision", self.revision),
            pb_utils.Tensor("output_ids", np.array(answer.output_ids, np.int32)),
        ]
        outputs += [_number(name, value, np.int32) for name, value in numbers.items() if value is not None]
        outputs += [_number(name, answer.numbers[name], np.int64) for name in TIMES if name in answer.numbers]
        return pb_utils.InferenceResponse(outputs)


class _Answering:
    """A request on its way. `name` is its id at the engine: the run, the client's own id, and what tells it apart."""

    def __init__(self, request):
        self.request = request
        self.sender = request.get_response_sender()
        run = next(iter(_texts(request, "charter_run", errors="replace")), "")
        self.name = "-".join(filter(None, (run, request.request_id(), uuid.uuid4().hex)))
        self.lock = threading.Lock()
        self.finished = self.cancelled = False

    def finish(self, response):
        with self.lock:
            self.finished = True
            self.sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def fail(self, message, code):
        self.finish(pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code)))

    def became_cancelled(self):
        """Whether the client went away since this was last asked. Triton 2.51 crashes if asked after the last send."""
        with self.lock:
            if self.finished or self.cancelled:
                return False
            self.cancelled = self.sender.is_cancelled()
            return self.cancelled


class _InnerFailed(Exception):
    """The inner model refused or failed; the message is its own."""

    def __init__(self, error):
        super().__init__(error.message())
        self.code = error.code()


def _arrival(request):
    counts = _integers(request, "segment_token_counts")
    known = iter(_integers(request, "segment_token_ids") or ())
    token_ids = pb_utils.get_input_tensor_by_name(request, "input_ids")
    retention = _texts(request, "charter_retention")
    arrival = Arrival(
        text=next(iter(_texts(request, "text_input")), None),
        segments=_texts(request, "segments"),
        positions=tuple(_integers(request, "segment_positions")),
        known_ids=tuple(tuple(next(known, -1) for _ in range(count)) for count in counts),
        token_ids=None if token_ids is None else token_ids.as_numpy().reshape(-1),
        node=next(iter(_texts(request, "charter_node")), ""),
        retention=parse_retention(json.loads(retention[0]), "charter_retention") if retention else None,
    )
    if arrival.text is None and not arrival.segments and arrival.token_ids is None:
        raise RequestError("send one of text_input, segments, input_ids")
    return arrival


def _arrays(response, prompt, metrics):
    if response.has_error():
        metrics.count(prompt.node, failures=1)
        raise _InnerFailed(response.error())
    return {tensor.name(): tensor.as_numpy() for tensor in response.output_tensors()}


def _texts(request, name, errors="strict"):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return () if tensor is None else tuple(item.decode(errors=errors) for item in tensor.as_numpy().reshape(-1))


def _integers(request, name):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return [] if tensor is None else tensor.as_numpy().reshape(-1).tolist()


def _flag(request, name):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return tensor is not None and bool(tensor.as_numpy().reshape(-1)[0])


def _text(name, text):
    return pb_utils.Tensor(name, np.array([text.encode()], dtype=object))


def _number(name, value, dtype):
    return pb_utils.Tensor(name, np.array([value], dtype))
