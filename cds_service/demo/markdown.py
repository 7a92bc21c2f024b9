"""Card details from GitHub-flavoured Markdown to harmless HTML.

No raw HTML, no images, links to http and https only: a card may quote what a chart says, and a
chart may say anything.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

SAFE_SCHEMES = ("http://", "https://")


def to_html(text: str) -> str:
    """The text as HTML that may stand in a page of ours."""
    return str(_parser().render(text))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.enable(["table", "strikethrough"]).disable(["image", "html_inline", "html_block"])
    parser.validateLink = _is_safe_link  # type: ignore[method-assign]  # its documented way
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("table_open", _table_open)
    return parser


def _is_safe_link(url: str) -> bool:
    return url.lower().startswith(SAFE_SCHEMES)


def _link_open(
    renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer")
    tokens[index].attrSet("target", "_blank")
    return str(renderer.renderToken(tokens, index, options, env))


def _table_open(
    renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].attrSet("class", "card-table")
    return str(renderer.renderToken(tokens, index, options, env))
