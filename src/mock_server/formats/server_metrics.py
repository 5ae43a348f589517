"""The metrics of a model server, by which schedulers choose one (read in vLLM's source).  Pure."""

from __future__ import annotations

from typing import Iterator, Mapping, NamedTuple, Optional, Tuple

from ..jsons import utf8
from ..outcomes import Recorded, Usually
from ..prometheus import METRICS_TYPE, heading, sample_line
from ..state import State
from ..values import Call
from .model_server import SERVED_MODEL, ModelServer

ENGINE_LABELS = {"engine": "0", "model_name": SERVED_MODEL}
LORA_LABELS = {"max_lora": "1", "running_lora_adapters": "", "waiting_lora_adapters": ""}
CACHE_LABELS = {"block_size": "16", "engine": "0", "num_gpu_blocks": "1024"}
REASON_LABELS = {**ENGINE_LABELS, "finished_reason": "stop"}
SGLANG_LABELS = {"engine_type": "unified", "model_name": SERVED_MODEL}
SGLANG_CACHE = {"num_pages": "1024", "page_size": "16"}

FIRST_BUCKETS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    *(10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
EACH_BUCKETS = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    *(10.0, 20.0, 40.0, 80.0),
)
LATENCY_BUCKETS = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
COUNT_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)


class Metric(NamedTuple):
    """A metric: its type, what it is, its usual labels, and its value until a test sets it; without
    one it is only there when it is set.  A histogram has buckets, all of them empty."""

    kind: str
    about: str
    labels: Mapping[str, str] = ENGINE_LABELS
    value: Optional[float] = 0.0
    buckets: Tuple[float, ...] = ()


def histogram(about: str, buckets: Tuple[float, ...]) -> Metric:
    """One of how long something took, or how many there were."""
    return Metric("histogram", about, buckets=buckets)


SERVER_METRICS: Mapping[str, Metric] = {
    "vllm:num_requests_running": Metric("gauge", "Number of requests in model execution batches."),
    "vllm:num_requests_waiting": Metric("gauge", "Number of requests waiting to be processed."),
    "vllm:kv_cache_usage_perc": Metric("gauge", "KV-cache usage. 1 means 100 percent usage."),
    # Its name before 2026.
    "vllm:gpu_cache_usage_perc": Metric(
        "gauge", "GPU KV-cache usage. 1 means 100 percent usage.", value=None
    ),
    # The value is the time, and the newest sample counts: there is none that is always right.
    "vllm:lora_requests_info": Metric(
        "gauge", "Running stats on lora requests.", LORA_LABELS, None
    ),
    "vllm:cache_config_info": Metric(
        "gauge", "Information of the LLMEngine CacheConfig", CACHE_LABELS, 1.0
    ),
    "vllm:num_preemptions_total": Metric(
        "counter", "Cumulative number of preemption from the engine."
    ),
    "vllm:prompt_tokens_total": Metric("counter", "Number of prefill tokens processed."),
    "vllm:generation_tokens_total": Metric("counter", "Number of generation tokens processed."),
    "vllm:prefix_cache_queries_total": Metric(
        "counter", "Prefix cache queries, in terms of number of queried tokens."
    ),
    "vllm:prefix_cache_hits_total": Metric(
        "counter", "Prefix cache hits, in terms of number of cached tokens."
    ),
    "vllm:request_success_total": Metric(
        "counter", "Count of successfully processed requests.", REASON_LABELS
    ),
    "vllm:time_to_first_token_seconds": histogram(
        "Histogram of time to first token in seconds.", FIRST_BUCKETS
    ),
    "vllm:time_per_output_token_seconds": histogram(
        "Histogram of time per output token in seconds.", EACH_BUCKETS
    ),
    "vllm:inter_token_latency_seconds": histogram(
        "Histogram of inter-token latency in seconds.", EACH_BUCKETS
    ),
    "vllm:e2e_request_latency_seconds": histogram(
        "Histogram of e2e request latency in seconds.", LATENCY_BUCKETS
    ),
    "vllm:request_queue_time_seconds": histogram(
        "Histogram of time spent in WAITING phase for request.", LATENCY_BUCKETS
    ),
    "vllm:request_inference_time_seconds": histogram(
        "Histogram of time spent in RUNNING phase for request.", LATENCY_BUCKETS
    ),
    "vllm:request_prefill_time_seconds": histogram(
        "Histogram of time spent in PREFILL phase for request.", LATENCY_BUCKETS
    ),
    "vllm:request_decode_time_seconds": histogram(
        "Histogram of time spent in DECODE phase for request.", LATENCY_BUCKETS
    ),
    "vllm:request_prompt_tokens": histogram("Number of prefill tokens processed.", COUNT_BUCKETS),
    "vllm:request_generation_tokens": histogram(
        "Number of generation tokens processed.", COUNT_BUCKETS
    ),
    "vllm:request_params_max_tokens": histogram(
        "Histogram of the max_tokens request parameter.", COUNT_BUCKETS
    ),
    # SGLang's, which no vLLM has: they are there when a test has set them.
    "sglang:num_running_reqs": Metric(
        "gauge", "The number of running requests.", SGLANG_LABELS, None
    ),
    "sglang:num_queue_reqs": Metric(
        "gauge", "The number of requests in the waiting queue.", SGLANG_LABELS, None
    ),
    "sglang:token_usage": Metric("gauge", "The token usage.", SGLANG_LABELS, None),
    "sglang:cache_config_info": Metric(
        "gauge", "Information of the cache's configuration.", SGLANG_CACHE, None
    ),
}
SETTABLE = tuple(name for name, metric in SERVER_METRICS.items() if not metric.buckets)


def histogram_lines(name: str, metric: Metric) -> Iterator[str]:
    """The samples of a histogram of which nothing was observed."""
    for bound in (*map(str, metric.buckets), "+Inf"):
        yield sample_line(name + "_bucket", {**metric.labels, "le": bound}, 0.0)
    yield sample_line(name + "_sum", metric.labels, 0.0)
    yield sample_line(name + "_count", metric.labels, 0.0)


def metric_lines(name: str, metric: Metric, state: State, port: int) -> Iterator[str]:
    """A metric as it is on a port; nothing where it is not there."""
    value, labels = metric.value, metric.labels
    given = state.gauge_of(name, port)
    if given:
        value, labels = given.value, {**labels, **given.labels}
    if value is None:
        return
    yield heading(name, metric.kind, metric.about)
    if metric.buckets:
        yield from histogram_lines(name, metric)
    else:
        yield sample_line(name, dict(sorted(labels.items())), value)


class ServerMetrics(ModelServer):
    """metrics: gauges as a test has set them, counters and histograms that have counted nothing."""

    api = "metrics"
    routes = ("GET /metrics",)
    json_type = METRICS_TYPE
    is_stateful = True

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """All of them, as Prometheus reads them."""
        text = "".join(
            line
            for name, metric in SERVER_METRICS.items()
            for line in metric_lines(name, metric, state, call.port)
        )
        return Recorded(body=utf8(text))
