"""Drives `nexus lsp` with pygls, a language client that knows nothing of this server, over stdin and stdout.

    python -m venv venv && venv/bin/pip install pygls && venv/bin/python tests/lsp/client.py target/release/nexus

Checks what a person at an editor would see, and writes the bytes that the client sent to `session.txt`, which
`tests/tests/lsp.rs` plays to the server again without Python.
"""

import asyncio
import pathlib
import sys

from lsprotocol import types
from pygls.lsp.client import LanguageClient

HERE = pathlib.Path(__file__).parent
URI = "file:///nowhere/shapes.mcode"
TEXT = """# Areas, with a tensor.
function area(w: scalar, h: scalar) -> scalar
    return w * h
end

function main()
    größe = tensor.ones(2, 3)
    x = area(1.0, 2.0)
    wrong = größe @ tensor.ones(2, 3)
    return [größe, x]
end
"""
RIGHT = TEXT.replace("    wrong = größe @ tensor.ones(2, 3)\n", "  y = x+1\n")

# Keeps what is sent to the server beside passing it on.
TEE = (
    "import os, subprocess, sys, threading\n"
    "server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE)\n"
    "threading.Thread(target=lambda: os._exit(server.wait())).start()\n"
    "with open(sys.argv[1], 'wb') as kept:\n"
    "    while piece := sys.stdin.buffer.read1(65536):\n"
    "        kept.write(piece)\n"
    "        kept.flush()\n"
    "        server.stdin.write(piece)\n"
    "        server.stdin.flush()\n"
    "server.stdin.close()\n"
)


def at(text, word, beyond=0):
    """The position of a word, in UTF-16 units, as editors count."""
    offset = text.index(word) + beyond
    before = text[:offset]
    line = before.count("\n")
    column = len(before.rsplit("\n", 1)[-1].encode("utf-16-le")) // 2
    return types.Position(line, column)


async def talk(binary):
    client = LanguageClient("check", "1")
    told = asyncio.Queue(maxsize=16)

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def on_diagnostics(params):
        told.put_nowait(params.diagnostics)

    await client.start_io(sys.executable, "-c", TEE, str(HERE / "session.txt"), binary, "lsp")
    document = types.TextDocumentIdentifier(URI)
    hello = await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities(), process_id=None))
    can = hello.capabilities
    assert can.hover_provider and can.definition_provider and list(can.completion_provider.trigger_characters) == ["."]
    assert can.document_formatting_provider and can.document_symbol_provider
    client.initialized(types.InitializedParams())

    opened = types.TextDocumentItem(URI, "mcode", 1, TEXT)
    client.text_document_did_open(types.DidOpenTextDocumentParams(opened))
    [wrong] = await told.get()
    assert wrong.code == "MC0203" and wrong.severity == types.DiagnosticSeverity.Error
    assert wrong.range.start == at(TEXT, "größe @") and "inner sizes are 3 and 2" in wrong.message, wrong
    assert wrong.related_information[0].location.range.start == at(TEXT, "tensor.ones(2, 3)\n    wrong"[:17]), wrong

    changed = types.TextDocumentContentChangeWholeDocument(RIGHT)
    version = types.VersionedTextDocumentIdentifier(uri=URI, version=2)
    client.text_document_did_change(types.DidChangeTextDocumentParams(version, [changed]))
    assert not await told.get()

    async def hover(word, beyond=0):
        found = await client.text_document_hover_async(types.HoverParams(document, at(RIGHT, word, beyond)))
        return found and found.contents.value

    assert "größe: f32[2, 3]" in await hover("größe, x]")
    assert "function area(w: scalar, h: scalar) -> scalar" in await hover("area(1.0")
    assert "tensor.ones(shape" in await hover("tensor.ones", 8)
    assert await hover("\n\nfunction main", 1) is None

    async def definition(word):
        found = await client.text_document_definition_async(types.DefinitionParams(document, at(RIGHT, word)))
        return found and (found.range.start.line, found.range.start.character)

    assert await definition("größe, x]") == (6, 4)
    assert await definition("area(1.0") == (1, 9)
    assert await definition("h\nend") == (1, 25)
    assert await definition("tensor.ones") is None

    where = at(RIGHT, "tensor.ones", len("tensor."))
    items = await client.text_document_completion_async(types.CompletionParams(document, where))
    items = items if isinstance(items, list) else items.items
    labels = {item.label: item for item in items}
    assert "reshape" in labels and "größe" not in labels and labels["reshape"].documentation
    items = await client.text_document_completion_async(types.CompletionParams(document, at(RIGHT, "y = x")))
    labels = {item.label: item for item in (items if isinstance(items, list) else items.items)}
    assert {"größe", "area", "tensor", "len", "while"} <= set(labels) and labels["größe"].detail == "größe: f32[2, 3]"

    symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(document))
    assert [symbol.name for symbol in symbols] == ["area", "main"]

    layout = types.FormattingOptions(tab_size=4, insert_spaces=True)
    [edit] = await client.text_document_formatting_async(types.DocumentFormattingParams(document, layout))
    assert "    y = x + 1\n" in edit.new_text

    client.text_document_did_close(types.DidCloseTextDocumentParams(document))
    assert not await told.get()
    await client.shutdown_async(None)
    client.exit(None)
    code = await client._server.wait()
    assert code == 0, code
    print("everything is as it should be")


asyncio.run(asyncio.wait_for(talk(sys.argv[1]), 60))
