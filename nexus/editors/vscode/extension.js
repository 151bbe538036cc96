// Starts `nexus lsp` for M-CODE files. Everything else is the language server's.

const { workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

function activate() {
    const command = workspace.getConfiguration("mcode").get("command", "nexus");
    const server = { command, args: ["lsp"], transport: TransportKind.stdio };
    client = new LanguageClient("mcode", "M-CODE", server, { documentSelector: [{ language: "mcode" }] });
    return client.start();
}

function deactivate() {
    return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
