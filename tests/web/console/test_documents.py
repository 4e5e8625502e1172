"""Documents of our own making as pages: structure from the lines, every character escaped."""

from __future__ import annotations

from web.console.documents import plain


def test_headings_lists_and_tables_come_out_whole_and_escaped() -> None:
    text = "# Head <b>\n\nA & B\n- one\n- <script>\n\n| a | b |\n| --- | --- |\n| 1 | <2> |\n\n## Next"
    assert plain(text) == (
        "<h1>Head &lt;b&gt;</h1><p>A &amp; B</p><ul><li>one</li><li>&lt;script&gt;</li></ul>"
        '<table class="dense cards"><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead><tbody>'
        '<tr><td data-label="a">1</td><td data-label="b">&lt;2&gt;</td></tr></tbody></table><h2>Next</h2>'
    )


def test_a_table_or_list_at_the_end_is_closed() -> None:
    assert plain("| a |").endswith("</tbody></table>") and plain("- a").endswith("</ul>") and plain("") == ""
