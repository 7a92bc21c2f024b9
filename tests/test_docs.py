"""The documents say what the code does: settings, prefetch, topics, example files, links."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cli import main as commands
from cds_service.errors import StartRefused
from cds_service.fhir.queries import query_templates
from cds_service.rulebook.load import PROTOCOLS, load_protocol
from cds_service.rulebook.toml_table import load_concepts
from cds_service.security.clients import load_clients
from cds_service.settings import Settings
from tests.cases import advice_for, cases, tables
from tests.registration_sheet import BEGIN, END, sheet

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
DEPLOYMENT = (DOCS / "deployment.md").read_text(encoding="utf-8")
CLINICIANS = (DOCS / "clinicians.md").read_text(encoding="utf-8")
INFORMATICIANS = (DOCS / "informaticians.md").read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
WRITTEN_HERE = ("deployment.md", "clinicians.md", "informaticians.md", "sandboxes.md")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [dedent(b) for b in re.findall(rf" *```{language}\n(.*?) *```", text, re.DOTALL)]


def default(name: str) -> str:
    """A setting's default as the table writes it."""
    value = Settings.model_fields[name].default
    assert value is not PydanticUndefined
    return "-" if value in (None, "", ()) else f"`{value}`"


class TestDeployment:
    def test_every_setting_stands_in_the_table_with_its_default(self) -> None:
        rows = re.findall(r"^\| `CDS_(\w+)` \| (.+?) \| ", DEPLOYMENT, re.MULTILINE)

        assert {name.lower(): said for name, said in rows} == {
            name: default(name) for name in Settings.model_fields
        }

    def test_the_sheet_is_what_the_code_says(self) -> None:
        written = DEPLOYMENT.split(BEGIN)[1].split(END)[0].strip()

        assert written == sheet().strip(), "python -m tests.registration_sheet writes it"

    @pytest.mark.parametrize("key", query_templates(tables().concepts))
    def test_every_prefetch_query_is_spelled_out(self, key: str) -> None:
        query = query_templates(tables().concepts)[key]

        assert f"`{key}`:\n\n    {query}\n" in DEPLOYMENT

    def test_the_example_of_a_client_can_be_registered(self, tmp_path: Path) -> None:
        (block,) = blocks(DEPLOYMENT, "toml")
        (tmp_path / "clients.toml").write_text(block, encoding="utf-8")

        (client,) = load_clients(tmp_path / "clients.toml")

        assert client.name == "General Hospital"

    def test_the_example_of_an_environment_is_accepted_once_its_placeholder_is_filled_in(
        self,
    ) -> None:
        lines = next(b for b in blocks(DEPLOYMENT, "ini") if b.startswith("CDS_")).splitlines()
        environment = dict(line.split("=", 1) for line in lines)

        with pytest.raises(StartRefused) as refused:
            Settings.from_environ(environment)
        settings = Settings.from_environ(environment | {"CDS_LEDGER_KEY": "k" * 64})

        assert refused.value.faults == ("CDS_LEDGER_KEY still holds a placeholder (<...>)",)
        assert settings.public_url == "https://cds.hospital.example.org"
        assert isinstance(settings.ledger_key, SecretStr)

    def test_unit_and_container_start_the_same_program(self) -> None:
        unit = (DOCS / "heparin-cds.service").read_text(encoding="utf-8")
        container = (REPOSITORY / "Containerfile").read_text(encoding="utf-8")

        assert "/bin/heparin-cds serve\n" in unit
        assert 'CMD ["heparin-cds", "serve", ' in container

    def test_the_socket_unit_listens_where_the_service_would(self) -> None:
        unit = (DOCS / "heparin-cds.socket").read_text(encoding="utf-8")

        assert "\nListenStream=127.0.0.1:5000\n" in unit
        assert "127.0.0.1:{os.environ.get('PORT', '5000')}" in (
            REPOSITORY / "gunicorn.conf.py"
        ).read_text(encoding="utf-8")


class TestClinicians:
    def sections(self) -> dict[str, str]:
        found = re.findall(r"^### .+? \(`(\w+)`\)\n(.*?)(?=^##|\Z)", CLINICIANS, re.M | re.S)
        return dict(found)

    def test_every_topic_is_covered_in_the_order_of_the_service(self) -> None:
        assert list(self.sections()) == list(TOPICS)

    @pytest.mark.parametrize("topic", TOPICS)
    def test_each_tells_what_it_says_what_to_do_and_what_it_cannot_know(self, topic: str) -> None:
        told = re.findall(r"^- \*\*(.+?):\*\*", self.sections()[topic], re.MULTILINE)

        assert told == ["Says", "Do", "Cannot know"]

    @pytest.mark.parametrize("topic", TOPICS)
    def test_the_quoted_card_is_one_that_the_service_shows(self, topic: str) -> None:
        (quoted,) = re.findall(r"^> (.+)$", self.sections()[topic], re.MULTILINE)

        assert quoted in shown()[topic]

    def test_limits_are_those_of_the_default_protocol(self) -> None:
        """Every limit the page names, by its row; a changed row has to be told here too."""
        rows = tables().protocol.rows
        for key, said in {
            "heparin.high_daily_dose": "35,000 units a day",
            "heparin.standard_rate": "18.5 U/kg/h",
            "heparin.ceiling_daily_dose": "50,000 units a day",
            "levels.anti_xa_steady": "4 h (anti-Xa)",
            "levels.aptt_steady": "6 h (aPTT)",
            "antithrombin.severe": "below 50 %",
            "antithrombin.low": "below 70 %",
            "antithrombin_dose.highest_predicted": "above 120 %",
            "antithrombin_dose.highest_per_kg": "75 IU/kg",
            "antithrombin_dose.overdose_critical": "above 150 %",
            "antithrombin_dose.label_recovery": "kg / 1.4",
            "antithrombin_dose.pharmacist_above": "Above 5,000 IU",
            "platelets.warfarin_line": "wait for 150",
            "risk.stent_within": "12 months",
            "risk.andexanet_within": "within 48 h",
            "patient.adult_age": "under 18",
            "hit.suspected_score": "at least 4",
        }.items():
            assert f"{rows[key].value:,g}" in said, key
            assert said in " ".join(CLINICIANS.split()), key

    def test_no_word_says_to_raise_heparin(self) -> None:
        advised = " ".join(re.findall(r"\*\*Do:\*\* (.*?)\n- ", CLINICIANS, re.DOTALL))

        assert not re.search(r"\b(raise|increase) (the )?heparin", advised)


class TestInformaticians:
    def test_the_example_of_a_site_file_is_accepted(self, tmp_path: Path) -> None:
        (block,) = (b for b in blocks(INFORMATICIANS, "toml") if "site =" in b)
        (tmp_path / "site.toml").write_text(block, encoding="utf-8")

        concepts = load_concepts(site=tmp_path / "site.toml")

        assert (
            "https://general.example.org/lab-codes|HEPXA"
            in query_templates(concepts)["coagulation"]
        )

    def test_the_example_of_a_sites_targets_is_accepted(self, tmp_path: Path) -> None:
        (block,) = (b for b in blocks(INFORMATICIANS, "toml") if "[intensities]" in b)
        shipped = PROTOCOLS["default"].read_text(encoding="utf-8")
        (tmp_path / "site.toml").write_text(f"{shipped}\n{block}", encoding="utf-8")

        protocol = load_protocol(tmp_path / "site.toml")

        assert protocol.intensities["low intensity"].low == 0.2
        assert protocol.indications["ischemic_stroke"].high == 0.4

    def test_the_recipe_for_shadow_mode_makes_every_card_silent(self, tmp_path: Path) -> None:
        recipe = next(b for b in blocks(INFORMATICIANS, "sh") if b.startswith("sed"))
        recipe = recipe.replace("> silent.toml", f"> {tmp_path / 'silent.toml'}")
        subprocess.run(["sh", "-c", recipe], cwd=REPOSITORY, check=True)

        protocol = load_protocol(tmp_path / "silent.toml")

        assert set(protocol.topics.values()) == {"silent"}
        assert protocol.rows == tables().protocol.rows


@pytest.mark.parametrize("name", WRITTEN_HERE)
def test_commands_and_options_in_the_documents_exist(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8").replace("\\\n", " ")
    for command, rest in re.findall(r"heparin-cds (\w[\w-]*)([^`\n]*)", text):
        if command not in commands.commands:
            assert command in ("heparin",), (name, command)
            continue
        known = {flag for p in commands.commands[command].params for flag in p.opts}
        used = set(re.findall(r"(?<=\s)--[a-z-]+", rest.split("#")[0].split("`")[0]))
        assert used <= known, (name, command, used - known)


@pytest.mark.parametrize("path", [*sorted(DOCS.glob("*.md")), REPOSITORY / "README.md"], ids=str)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))

    missing = [target for target in targets if not (path.parent / target).exists()]

    assert not missing


def test_the_card_that_the_readme_quotes_is_one_that_the_service_shows() -> None:
    (quoted,) = re.findall(r"^> \*\*(\w+): (.+)\*\*$", README, re.MULTILINE)
    cards = advice_for("01-antithrombin-dose").cards

    assert quoted in [(card.indicator, card.summary) for card in cards]


def test_the_readme_names_what_a_secured_start_cannot_do_without() -> None:
    with pytest.raises(StartRefused) as refused:
        Settings.from_environ({"CDS_CLIENTS": "clients.toml"})

    for fault in refused.value.faults:
        assert f"| `{fault.split()[0]}` |" in README, fault


def test_the_readme_links_every_document() -> None:
    unlinked = [
        path.name for path in sorted(DOCS.glob("*.md")) if f"(docs/{path.name})" not in README
    ]

    assert not unlinked


@cache
def shown() -> dict[str, list[str]]:
    """Every summary that some fixture's own call brings, by topic."""
    found: dict[str, list[str]] = {}
    for name in cases():
        for card in advice_for(name).cards:
            found.setdefault(card.topic, []).append(card.summary)
    return found
