"""The command line as a stranger meets it: exit codes, sentences, where things are printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.command_line import command_line

COMMAND = Path(sys.executable).with_name("ml-connector")
CONTRACT = {
    "init", "apply", "export", "schema", "ping", "run", "status", "invoices", "trail", "replay", "link", "reject",
    "reconcile", "verify", "key", "serve", "work", "sandbox", "demo", "token",
}  # fmt: skip
FILE = """\
connections:
  acme-bc:
    company: "1000"
    basware: {base_url: "http://127.0.0.1:9", client_id: acme, client_secret: s3cret-basware}
    erp:
      system: business-central
      base_url: http://127.0.0.1:9
      token_url: http://127.0.0.1:9/token
      tenant_id: 11111111-2222-3333-4444-555555555555
      company_id: 6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001
      client_id: bc-client
      client_secret: s3cret-bc
"""


class Home:
    """A home of its own on a fresh database."""

    def __init__(self, folder: Path, database_url: str | None) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ML_CONNECTOR_")}
        self.environment = kept | {"ML_CONNECTOR_HOME": str(folder / "home")}
        if database_url is not None:
            self.environment["ML_CONNECTOR_DATABASE_URL"] = database_url
        self.folder = folder

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        code, out, err = command_line().run(words, self.environment | more, seconds=60)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(words, code, out, err)

    def file(self, text: str) -> str:
        path = self.folder / "c.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    return Home(tmp_path, None)


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Home:
    made = Home(tmp_path, database_url)
    assert made.run("init").returncode == 0
    return made


@pytest.fixture
def joined(home: Home) -> Home:
    assert home.run("apply", home.file(FILE)).returncode == 0
    return home


def test_the_installed_command_names_every_command_of_the_contract():
    done = subprocess.run([str(COMMAND), "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert set(done.stdout.replace("│", " ").split()) >= CONTRACT


def test_help_comes_without_loading_what_the_work_needs():
    """What is slow to load is loaded by the commands that need it."""
    words = f"import runpy, sys; sys.argv = ['ml-connector', '--help']; runpy.run_path({str(COMMAND)!r})"
    seen = f"import sys, atexit; atexit.register(lambda: print(*sys.modules)); {words}"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, timeout=60, check=False)
    loaded = set(done.stdout.split())
    assert "cyclopts" in loaded, done.stderr
    assert loaded & {"sqlalchemy", "aiohttp", "fastapi", "procrastinate", "cryptography"} == set()


@pytest.mark.parametrize("command", sorted(CONTRACT))
def test_every_command_explains_itself(empty, command):
    done = empty.run(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("run",),
        ("invoices", "--limit", "many"),
        ("replay", "x", "--from", "nowhere"),
        ("ping", "a", "b"),
    ],
)
def test_wrong_usage_is_a_sentence_and_exit_code_2(empty, words):
    done = empty.run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip()


@pytest.mark.parametrize("words", [("status",), ("run", "acme"), ("invoices",), ("serve", "--port", "0"), ("work",)])
def test_without_a_home_the_way_to_one_is_named(empty, words):
    done = empty.run(*words)
    assert done.returncode == 2
    assert "ml-connector init" in done.stderr


def test_a_wrong_environment_variable_is_named(empty):
    done = empty.run("status", ML_CONNECTOR_SLICE_SECONDS="soon")
    assert done.returncode == 2
    assert "ML_CONNECTOR_SLICE_SECONDS" in done.stderr


def test_a_database_that_cannot_be_reached_is_a_sentence_without_its_password(empty):
    done = empty.run("status", ML_CONNECTOR_DATABASE_URL="postgresql://me:hush@127.0.0.1:9/x")
    assert done.returncode == 1
    assert "database" in done.stderr
    assert "hush" not in done.stderr


def test_the_schema_needs_no_home(empty):
    assert json.loads(empty.run("schema").stdout)["$schema"].endswith("2020-12/schema")


def test_init_is_safe_to_repeat(home):
    done = home.run("init", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["embedded"] is False


def test_faults_of_a_file_are_told_with_their_lines(home):
    file = home.file(FILE.replace("company: ", "compony: ").replace("erp:", "erq:"))
    done = home.run("apply", file)
    assert done.returncode == 2
    assert f"{file}:3: connections.acme-bc.compony:" in done.stderr
    told = home.run("apply", file, "--json")
    assert told.returncode == 2
    faults = json.loads(told.stdout)["faults"]
    assert {(each["line"], each["key"]) for each in faults} >= {(3, "connections.acme-bc.compony")}
    assert json.loads(home.run("status", "--json").stdout) == []


def test_apply_says_what_changes_and_is_idempotent(home):
    file = home.file(FILE)
    dry = json.loads(home.run("apply", file, "--dry-run", "--json").stdout)
    assert [each["kind"] for each in dry["changes"]] == ["created"]
    assert home.run("apply", file).stdout == "acme-bc: created\n"
    assert home.run("apply", file).stdout == "acme-bc: unchanged\n"
    changed = home.run("apply", home.file(FILE.replace("s3cret-bc", "other-s3cret")))
    assert "acme-bc: changed" in changed.stdout
    assert "s3cret" not in changed.stdout + changed.stderr


def test_export_gives_the_file_back_without_secrets(joined):
    done = joined.run("export")
    assert done.returncode == 0
    assert "s3cret" not in done.stdout
    again = joined.run(
        "apply", joined.file(done.stdout), ACME_BC_BASWARE_CLIENT_SECRET="s3cret-basware",
        ACME_BC_ERP_CLIENT_SECRET="s3cret-bc",
    )  # fmt: skip
    assert again.stdout == "acme-bc: unchanged\n", again.stderr


@pytest.mark.parametrize(
    "words", [("run",), ("ping",), ("status",), ("invoices",), ("reconcile",), ("export",)], ids=lambda words: words[0]
)
def test_an_unknown_connection_is_met_with_the_nearest_name(joined, words):
    done = joined.run(*words, "acme-bd")
    assert done.returncode == 2
    assert "Did you mean acme-bc?" in done.stderr


def test_an_unknown_flow_is_met_with_those_there_are(joined):
    done = joined.run("run", "acme-bc", "vendor", "--json")
    assert done.returncode == 2
    assert "Did you mean vendors?" in json.loads(done.stdout)["error"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("invoices", "--status", "lost"), "There is no status lost"),
        (("reconcile", "acme-bc", "--period", "2026-13"), "2026-10"),
        (("replay",), "--held"),
        (("replay", "x", "--held"), "--held"),
        (("trail", "nothing"), "nothing"),
        (("replay", "nothing"), "There is no document nothing"),
        (("token", "revoke", "nobody"), "There is no valid token nobody"),
        (("replay", "--reason", "bad weather"), "There is no reason"),
    ],
)
def test_what_cannot_be_meant_is_said(joined, words, said):
    done = joined.run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_ping_says_where_it_failed_and_what_to_do(joined):
    done = joined.run("ping", "acme-bc", "--json")
    assert done.returncode == 1
    steps = json.loads(done.stdout)
    assert {each["side"] for each in steps} == {"Basware", "Business Central"}
    assert all(set(each) == {"side", "step", "ok", "detail", "seconds", "advice"} for each in steps)
    assert all(each["advice"] for each in steps if not each["ok"])


def test_a_run_that_cannot_reach_its_systems_fails_with_a_line_a_flow(joined):
    done = joined.run("run", "acme-bc", "accounts", "tax-codes", "--json")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["flow"], each["outcome"]) for each in lines] == [("tax-codes", "failed"), ("accounts", "failed")]
    assert all(each["error"] for each in lines)
    assert {"connection", "read", "sent", "unchanged", "posted", "held", "rejected", "failed", "seconds"} <= set(
        lines[0]
    )


def test_an_empty_product_is_whole(joined):
    assert json.loads(joined.run("invoices", "--json").stdout) == []
    assert json.loads(joined.run("verify", "--json").stdout)["ok"] is True
    assert joined.run("replay", "--held").returncode == 0


def test_a_token_is_shown_once_and_listed_without_itself(home):
    made = json.loads(home.run("token", "create", "prometheus", "--json").stdout)
    assert made["role"] == "viewer"
    listed = home.run("token", "list", "--json").stdout
    assert made["token"] not in listed
    assert json.loads(listed)[0]["name"] == "prometheus"
    assert home.run("token", "revoke", "prometheus").returncode == 0
    assert json.loads(home.run("token", "list", "--json").stdout)[0]["revoked"]


def test_a_rotated_key_still_opens_the_secrets(joined):
    before = (joined.folder / "home" / "key").read_text()
    assert json.loads(joined.run("key", "rotate", "--json").stdout)["resealed"] >= 3
    assert (joined.folder / "home" / "key").read_text() != before
    assert joined.run("apply", joined.file(FILE)).stdout == "acme-bc: unchanged\n"


def test_a_port_that_is_taken_is_a_sentence(home):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = home.run("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "--port" in done.stderr


@pytest.mark.parametrize("command", ["serve", "work"])
def test_it_ends_cleanly_when_told_to(joined, command):
    import signal

    words = [str(COMMAND), command, *(("--port", "0") if command == "serve" else ())]
    child = subprocess.Popen(words, env=joined.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        _, told = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == 0
    assert "Traceback" not in told
    assert "s3cret" not in told
    assert all(json.loads(line) for line in told.splitlines())
