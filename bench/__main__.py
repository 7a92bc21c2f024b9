"""The service beside its baselines, in one interleaved run; ratios, and the budgets they meet.

    make bench                        about three minutes
    python -m bench --seconds 0.5     a quick look

Requests a second depend on what else the machine does; CPU milliseconds per call hardly do, and do
not count what a server waits for. Both are shown, ratios of both, and which of them meet a budget.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import jwt_calls, payload
from bench.load import Load, get, joined, post
from bench.servers import Server, baseline, ours, started

VIEW = "/cds-services/heparin-patient-view"
SELECT = "/cds-services/heparin-order-select"
SIZES = (20, 200, 1_000, 10_000)
MODELS_UP_TO = 1_000  # beyond, one call takes seconds
HEALTHCHAIN = Path(".venv-healthchain/bin/python")
HEALTHCHAIN_PATH = "/cds/cds-services/bench"
TOKENS = 400


@dataclass(frozen=True)
class Contest:
    """One payload, posted to several servers in turn."""

    name: str
    path: str
    body: bytes
    servers: tuple[Server, ...]


@dataclass(frozen=True)
class Outcome:
    """One server's part in a contest."""

    server: str
    load: Load
    cpu_ms: float  # per call


def main() -> None:
    """Measure everything, print the table and the budgets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="per server and round")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = _servers(Path(folder), stack)
        found: dict[str, dict[str, Outcome]] = {}
        for contest in _contests(servers):
            found[contest.name] = run(contest, chosen.rounds, chosen.seconds)
            show(contest.name, found[contest.name].values())
        _tell_servers(servers.values())
        _fhir(Path(folder), chosen.seconds, chosen.rounds)
        _jwt(Path(folder), found["20"]["ours"].cpu_ms)
    budgets(found)


def _servers(folder: Path, stack: ExitStack) -> dict[str, Server]:
    found = [stack.enter_context(ours(folder))]
    found += [stack.enter_context(baseline(way)) for way in ("constant", "scan", "models")]
    if HEALTHCHAIN.exists():
        command = (
            *(str(HEALTHCHAIN), "-m", "uvicorn", "bench.healthchain_service:app"),
            *("--port", "{port}", "--workers", "2", "--log-level", "error"),
        )
        found.append(stack.enter_context(started("healthchain", command, {}, HEALTHCHAIN_PATH)))
    else:
        print(f"no {HEALTHCHAIN}: HealthChain is left out (see bench/healthchain_service.py)")
    return {server.name: server for server in found}


def _contests(servers: dict[str, Server]) -> Iterable[Contest]:
    pair = (servers["ours"], servers["constant"])
    yield Contest("not ours", SELECT, payload.not_ours(), pair)
    for size in SIZES:
        beside = [servers["ours"], servers["scan"]]
        slow = [servers[name] for name in ("models", "healthchain") if name in servers]
        beside += slow if size <= MODELS_UP_TO else []
        yield Contest(f"{size}", VIEW, payload.patient_view(size), tuple(beside))


def run(contest: Contest, rounds: int, seconds: float) -> dict[str, Outcome]:
    """Each server in turn, several times over."""
    loads: dict[str, list[Load]] = {server.name: [] for server in contest.servers}
    spent = dict.fromkeys(loads, 0.0)
    for server in contest.servers:
        post(server.port, server.path or contest.path, contest.body, min(seconds, 0.5))  # warm
    for _ in range(rounds):
        for server in contest.servers:
            before = server.cpu()
            path = server.path or contest.path
            loads[server.name].append(post(server.port, path, contest.body, seconds))
            spent[server.name] += server.cpu() - before
    found = {name: joined(each) for name, each in loads.items()}
    return {
        name: Outcome(name, load, spent[name] / max(load.requests, 1) * 1000)
        for name, load in found.items()
    }


def show(name: str, outcomes: Iterable[Outcome]) -> None:
    """A table of one contest."""
    print(f"\n{name}", flush=True)
    for one in outcomes:
        failed = f"  {one.load.failures} FAILED" if one.load.failures else ""
        print(
            f"  {one.server:<12} {one.load.rate:9.1f}/s   p50 {one.load.percentile(0.5):8.2f} ms"
            f"   p99 {one.load.percentile(0.99):8.2f} ms   CPU {one.cpu_ms:8.3f} ms{failed}",
            flush=True,
        )


def _tell_servers(servers: Iterable[Server]) -> None:
    print("\nstart-up and memory (two workers, shared pages once)")
    for server in servers:
        print(f"  {server.name:<12} {server.started_in:5.2f} s   {server.memory() / 1e6:6.0f} MB")


def _fhir(folder: Path, seconds: float, rounds: int) -> None:
    """All queries at 20 ms each, beside one alone."""
    stub = (sys.executable, "-m", "bench.fhir_stub", "{port}")
    with started("stub", stub, {}) as server, ours(folder, "by-server") as asked:
        body = payload.by_server(f"http://127.0.0.1:{server.port}/fhir")
        alone, load = [], []
        for _ in range(rounds):
            alone.append(get(server.port, "/fhir/Patient/p1", 20))
            load.append(post(asked.port, VIEW, body, seconds, connections=1))
    whole, one = joined(load), joined(alone).percentile(0.5)
    show("from the FHIR server, every query 20 ms, one call at a time", [Outcome("ours", whole, 0)])
    ratio = whole.percentile(0.5) / one
    print(f"  p50 is {ratio:.2f} x one query, {one:.1f} ms (budget 1.80 {_met(ratio <= 1.8)})")


def _jwt(folder: Path, without: float) -> None:
    """The cost of checking one token, in CPU."""
    key = jwt_calls.register(folder)
    settings = {"CDS_CLIENTS": str(folder / "clients.toml"), "CDS_PUBLIC_URL": jwt_calls.URL}
    settings["CDS_LEDGER_KEY"] = "not a secret: for one run on loopback only"
    body = payload.patient_view(20)
    with ours(folder, "with-jwt", **settings) as server:
        post(server.port, VIEW, body, 60, jwt_calls.tokens(key, VIEW, TOKENS // 4))
        before = server.cpu()
        load = post(server.port, VIEW, body, 60, jwt_calls.tokens(key, VIEW, TOKENS))
        with_token = (server.cpu() - before) / max(load.requests, 1) * 1000
    show("20, with a JWT (ES384)", [Outcome("ours", load, with_token)])
    print(f"  adds {with_token - without:.2f} ms of CPU (budget 1.5)")


def budgets(found: dict[str, dict[str, Outcome]]) -> None:
    """Ours to theirs: below 1 is slower."""
    print("\nratios, by requests a second and by CPU per call")
    wanted = [("not ours", "constant", 0.50), ("20", "scan", 0.20), ("200", "scan", None)]
    wanted += [("1000", "scan", 0.50), ("10000", "scan", 0.80)]
    wanted += [("20", "models", 2.0), ("1000", "models", 15.0)]
    if "healthchain" in found["20"]:
        wanted += [("20", "healthchain", 4.0), ("1000", "healthchain", 10.0)]
    for contest, other, budget in wanted:
        mine, theirs = found[contest]["ours"], found[contest][other]
        by_rate, by_cpu = mine.load.rate / theirs.load.rate, theirs.cpu_ms / mine.cpu_ms
        said = ""
        if budget is not None:
            said = f"   budget {budget:.2f} {_met(by_rate >= budget)}, {_met(by_cpu >= budget)}"
        print(f"  {contest:>8} / {other:<11} {by_rate:6.2f}   {by_cpu:6.2f}{said}")
    _per_observation({name: ways["ours"].cpu_ms for name, ways in found.items()})


def _per_observation(cpu_ms: dict[str, float]) -> None:
    """The cost must not grow with the chart; what a call costs anyhow is shared by more of them."""
    small, large = cpu_ms["200"] / 200, cpu_ms["10000"] / 10_000
    growth = large / small
    print(
        f"  cost per Observation at 200: {small * 1000:.1f} us, at 10,000: {large * 1000:.1f} us"
        f" ({growth:.2f}; budget 1.30 {_met(growth <= 1.3)})"
    )
    more = (cpu_ms["200"] - cpu_ms["20"]) / 180, (cpu_ms["10000"] - cpu_ms["20"]) / 9_980
    print(f"  of each one more than 20: {more[0] * 1000:.1f} us, {more[1] * 1000:.1f} us")


def _met(held: bool) -> str:
    return "met" if held else "MISSED"


if __name__ == "__main__":
    main()
