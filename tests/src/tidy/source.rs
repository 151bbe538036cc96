//! One Rust source as the rules see it: its text, its syntax tree, its tokens, and which lines are test code.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A word or sign of a source. Comments and white space are gone; a string or number is one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// As written; a group's brackets are tokens of their own.
    pub text: String,
    /// Line from 1.
    pub line: usize,
}

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Name.
    pub name: String,
    /// Line of the word `fn`, from 1.
    pub line: usize,
    /// Lines from the word `fn` to the closing brace.
    pub lines: usize,
}

/// A Rust source file.
#[derive(Debug)]
pub struct Source {
    /// Path from the root of the repository.
    pub path: String,
    /// As written.
    pub text: String,
    /// Why it could not be parsed: line and message.
    pub error: Option<(usize, String)>,
    tokens: Vec<Token>,
    functions: Vec<Function>,
    imports: Vec<(String, usize)>,
    modules: Vec<(String, usize)>,
    test_modules: Vec<String>,
    test_lines: Vec<(usize, usize)>,
}

impl Source {
    /// Parses `text`. One that cannot be parsed has [`Source::error`] and no tokens.
    pub fn parse(path: &str, text: &str) -> Self {
        let mut source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
            error: None,
            tokens: Vec::new(),
            functions: Vec::new(),
            imports: Vec::new(),
            modules: Vec::new(),
            test_modules: Vec::new(),
            test_lines: Vec::new(),
        };
        if is_test_path(path) {
            source.mark_as_test();
        }
        match (syn::parse_file(text), text.parse::<TokenStream>()) {
            (Ok(tree), Ok(stream)) => {
                flatten(stream, &mut source.tokens);
                Reader { source: &mut source }.visit_file(&tree);
            }
            (Err(error), _) => source.error = Some((error.span().start().line, error.to_string())),
            (_, Err(error)) => source.error = Some((error.span().start().line, error.to_string())),
        }
        source
    }

    /// The crate's folder: what comes before `/src/`, `/tests/`, `/benches/` or `/examples/`.
    pub fn crate_folder(&self) -> &str {
        let cut = ["/src/", "/tests/", "/benches/", "/examples/"].iter().filter_map(|part| self.path.find(part)).min();
        cut.map_or("", |at| &self.path[..at])
    }

    /// Whether a line is test code: in a `tests` or `benches` folder, below `#[cfg(test)]`, or in a `#[test]`.
    pub fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|&(first, last)| first <= line && line <= last)
    }

    /// The whole file is test code.
    pub fn mark_as_test(&mut self) {
        self.test_lines.push((0, usize::MAX));
    }

    /// The tokens, in order.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The functions with bodies, in order.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// What `use` brings in, written out (`use a::{b, c as d};` is `a::b`, `a::c`), with lines. A glob ends in `::*`.
    pub fn imports(&self) -> &[(String, usize)] {
        &self.imports
    }

    /// The modules declared here, with lines.
    pub fn modules(&self) -> &[(String, usize)] {
        &self.modules
    }

    /// Paths without `.rs` of the files declared as `#[cfg(test)] mod name;`.
    pub fn test_module_paths(&self) -> Vec<String> {
        let (folder, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let own = match file.trim_end_matches(".rs") {
            "lib" | "main" | "mod" => folder.to_owned(),
            stem => format!("{folder}/{stem}"),
        };
        self.test_modules.iter().map(|name| format!("{own}/{name}")).collect()
    }

    /// Lines where the tokens of `pattern` stand one after the other. A pattern is words and single signs.
    pub fn lines_with(&self, pattern: &str) -> Vec<usize> {
        let wanted = split(pattern);
        let same = |window: &&[Token]| window.iter().zip(&wanted).all(|(token, text)| token.text == *text);
        self.tokens.windows(wanted.len().max(1)).filter(same).map(|window| window[0].line).collect()
    }
}

/// Words (letters, digits, underscores) and single signs.
fn split(pattern: &str) -> Vec<&str> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let length = if in_word(first) { rest.find(|c| !in_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (part, after) = rest.split_at(length);
        parts.push(part);
        rest = after;
    }
    parts
}

fn is_test_path(path: &str) -> bool {
    path.split('/').any(|part| ["tests", "benches", "fuzz"].contains(&part)) || path.ends_with("/tests.rs")
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                tokens.push(Token { text: open.to_owned(), line: group.span_open().start().line });
                flatten(group.stream(), tokens);
                tokens.push(Token { text: close.to_owned(), line: group.span_close().start().line });
            }
            other => tokens.push(Token { text: other.to_string(), line: other.span().start().line }),
        }
    }
}

/// Whether `#[test]`, `#[tokio::test]` or `#[cfg(test)]` is among the attributes.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.segments.last().is_some_and(|segment| segment.ident == "test"),
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            let words: Vec<String> = list.tokens.to_string().split_whitespace().map(str::to_owned).collect();
            words.iter().any(|word| word == "test") && !words.iter().any(|word| word == "not")
        }
        syn::Meta::List(list) => list.path.segments.last().is_some_and(|segment| segment.ident == "test"),
        syn::Meta::NameValue(_) => false,
    })
}

/// Walks the syntax tree and fills a source's lists.
struct Reader<'a> {
    source: &'a mut Source,
}

impl Reader<'_> {
    fn note_tests(&mut self, attributes: &[syn::Attribute], node: &impl Spanned) {
        if is_for_tests(attributes) {
            let span = node.span();
            self.source.test_lines.push((span.start().line, span.end().line));
        }
    }

    fn note_function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let line = signature.fn_token.span.start().line;
        let lines = block.brace_token.span.close().end().line + 1 - line;
        self.source.functions.push(Function { name: signature.ident.to_string(), line, lines });
    }

    fn note_imports(&mut self, prefix: &str, tree: &syn::UseTree) {
        let join = |name: &syn::Ident| if prefix.is_empty() { name.to_string() } else { format!("{prefix}::{name}") };
        match tree {
            syn::UseTree::Path(path) => self.note_imports(&join(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.source.imports.push((join(&name.ident), name.ident.span().start().line)),
            syn::UseTree::Rename(name) => self.source.imports.push((join(&name.ident), name.ident.span().start().line)),
            syn::UseTree::Glob(glob) => {
                self.source.imports.push((format!("{prefix}::*"), glob.star_token.span.start().line));
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.note_imports(prefix, item)),
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note_tests(&item.attrs, item);
        self.note_function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note_tests(&item.attrs, item);
        self.note_function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.note_function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.note_tests(&item.attrs, item);
        visit::visit_item_impl(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.note_tests(&item.attrs, item);
        self.source.modules.push((item.ident.to_string(), item.ident.span().start().line));
        if item.content.is_none() && is_for_tests(&item.attrs) {
            self.source.test_modules.push(item.ident.to_string());
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_tests(&item.attrs, item);
        self.note_imports("", &item.tree);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_not_code() {
        let source =
            Source::parse("a/src/b.rs", "// x.unwrap()\nfn f() { g(\"x.unwrap()\"); }\nfn h() { x.unwrap(); }");
        assert_eq!(source.lines_with(".unwrap()"), vec![3]);
        assert_eq!(source.crate_folder(), "a");
    }

    #[test]
    fn imports_are_written_out() {
        let source = Source::parse("a/src/b.rs", "use std::{fs::{self, File}, time::Instant as Now};\nuse a::*;");
        let names: Vec<&str> = source.imports().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["std::fs::self", "std::fs::File", "std::time::Instant", "a::*"]);
    }

    #[test]
    fn test_code_is_known() {
        let text = "fn real() {}\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n#[tokio::test]\nasync fn g() {}\n#[cfg(not(test))]\nfn h() {}";
        let source = Source::parse("a/src/b.rs", text);
        let lines: Vec<usize> = (1..=9).filter(|&line| source.is_test_line(line)).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
        assert!(Source::parse("a/tests/b.rs", "").is_test_line(1));
    }

    #[test]
    fn functions_are_measured_without_their_docs() {
        let source = Source::parse(
            "a/src/b.rs",
            "/// Doc.\n///\n#[inline]\npub fn f() {\n    g();\n}\ntrait T {\n    fn t();\n}",
        );
        assert_eq!(source.functions(), [Function { name: "f".into(), line: 4, lines: 3 }]);
    }
}
