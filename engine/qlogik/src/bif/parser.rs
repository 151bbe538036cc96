//! BIF text to declarations, with places. After a mistake it goes on behind the block that has it, so that one reading
//! tells several.

use super::lexer::{Lexer, Token};
use crate::codes::BAD_SYNTAX;
use crate::findings::{Findings, Range};

/// A word with its place.
pub(super) type Word<'a> = (&'a str, Range);

/// `variable NAME { … }`.
pub(super) struct VariableBlock<'a> {
    pub(super) name: Word<'a>,
    pub(super) announced: Option<Word<'a>>,
    pub(super) states: Vec<Word<'a>>,
}

/// `probability ( CHILD | PARENTS ) { … }`.
pub(super) struct ProbabilityBlock<'a> {
    pub(super) child: Word<'a>,
    pub(super) parents: Vec<Word<'a>>,
    pub(super) rows: Vec<Row<'a>>,
    /// The whole block was read.
    pub(super) complete: bool,
}

/// Numbers of a probability block.
pub(super) struct Row<'a> {
    pub(super) of: RowOf<'a>,
    pub(super) values: Vec<f64>,
    pub(super) at: Range,
}

/// What a row is given for.
pub(super) enum RowOf<'a> {
    /// `table`: everything, the child's states slowest.
    Table,
    /// `default`: every combination without a row of its own.
    Default,
    /// `(states of the parents)`.
    States(Vec<Word<'a>>),
}

/// All that a text declares.
#[derive(Default)]
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) variables: Vec<VariableBlock<'a>>,
    pub(super) probabilities: Vec<ProbabilityBlock<'a>>,
}

/// The findings have what is wrong; nothing else is to be said.
struct Wrong;

type Parsed<T> = Result<T, Wrong>;

struct Parser<'a, 'f> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    at: Range,
    /// How many `{` are open.
    depth: usize,
    findings: &'f mut Findings<'a>,
}

/// Reads all declarations that can be read.
pub(super) fn parse<'a>(text: &'a str, findings: &mut Findings<'a>) -> File<'a> {
    let mut parser = Parser { lexer: Lexer::new(text), token: Token::End, at: 0..0, depth: 0, findings };
    parser.advance();
    let mut file = File::default();
    while parser.token != Token::End && !parser.findings.is_full() {
        if parser.block(&mut file).is_err() {
            parser.skip_block();
        }
    }
    file
}

impl<'a> Parser<'a, '_> {
    fn advance(&mut self) {
        match self.token {
            Token::Mark('{') => self.depth += 1,
            Token::Mark('}') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        (self.token, self.at) = self.lexer.next();
    }

    /// Goes on behind the block that is open, or before the next keyword of a block.
    fn skip_block(&mut self) {
        loop {
            match self.token {
                Token::End => return,
                Token::Mark('}') if self.depth <= 1 => return self.advance(),
                Token::Word("network" | "variable" | "probability") if self.depth == 0 => return,
                _ => self.advance(),
            }
        }
    }

    fn expected<T>(&mut self, what: &str) -> Parsed<T> {
        let found = match self.token {
            Token::Word(word) => format!("`{}`", word.chars().take(40).collect::<String>()),
            Token::Mark(mark) => format!("`{mark}`"),
            Token::End => "the end of the text".to_owned(),
        };
        self.findings.error(BAD_SYNTAX, self.at.clone(), format!("expected {what}, found {found}"));
        // The mistake may be a keyword at the top: that has to be passed, or nothing would go on.
        if self.depth == 0 {
            self.advance();
        }
        Err(Wrong)
    }

    fn mark(&mut self, mark: char) -> Parsed<()> {
        if self.token != Token::Mark(mark) {
            return self.expected(&format!("`{mark}`"));
        }
        self.advance();
        Ok(())
    }

    fn word(&mut self, what: &str) -> Parsed<Word<'a>> {
        let Token::Word(word) = self.token else { return self.expected(what) };
        let at = self.at.clone();
        self.advance();
        Ok((word, at))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.token == Token::Word(keyword);
        if found {
            self.advance();
        }
        found
    }

    /// Words with or without commas between them, up to a mark, which is passed.
    fn words(&mut self, what: &str, end: char) -> Parsed<Vec<Word<'a>>> {
        let mut words = Vec::new();
        loop {
            match self.token {
                Token::Word(_) => words.push(self.word(what)?),
                Token::Mark(',') => self.advance(),
                Token::Mark(mark) if mark == end => {
                    self.advance();
                    return Ok(words);
                }
                _ => return self.expected(&format!("{what} or `{end}`")),
            }
        }
    }

    fn numbers(&mut self) -> Parsed<Vec<f64>> {
        let mut numbers = Vec::new();
        loop {
            match self.token {
                Token::Word(word) => match word.parse::<f64>() {
                    Ok(number) => {
                        numbers.push(number);
                        self.advance();
                    }
                    Err(_) => return self.expected("a number or `;`"),
                },
                Token::Mark(',') => self.advance(),
                Token::Mark(';') => {
                    self.advance();
                    return Ok(numbers);
                }
                _ => return self.expected("a number or `;`"),
            }
        }
    }

    /// `property` up to its semicolon: kept nowhere, whatever it says.
    fn property(&mut self) -> Parsed<()> {
        while self.token != Token::Mark(';') {
            if matches!(self.token, Token::End | Token::Mark('{' | '}')) {
                return self.expected("`;`");
            }
            self.advance();
        }
        self.mark(';')
    }

    fn block(&mut self, file: &mut File<'a>) -> Parsed<()> {
        if self.keyword("network") {
            if let Token::Word(name) = self.token {
                file.name = name;
                self.advance();
            }
            self.mark('{')?;
            while self.token != Token::Mark('}') {
                if !self.keyword("property") {
                    return self.expected("`property` or `}`");
                }
                self.property()?;
            }
            self.mark('}')
        } else if self.keyword("variable") {
            let block = self.variable()?;
            file.variables.push(block);
            Ok(())
        } else if self.keyword("probability") {
            self.probability(file)
        } else {
            self.expected("`network`, `variable` or `probability`")
        }
    }

    fn variable(&mut self) -> Parsed<VariableBlock<'a>> {
        let name = self.word("the name of a variable")?;
        let mut block = VariableBlock { name, announced: None, states: Vec::new() };
        self.mark('{')?;
        while self.token != Token::Mark('}') {
            if self.keyword("property") {
                self.property()?;
            } else if self.keyword("type") {
                if !self.keyword("discrete") {
                    return self.expected("`discrete`: variables of other types are not supported");
                }
                self.mark('[')?;
                block.announced = Some(self.word("the number of states")?);
                self.mark(']')?;
                self.mark('{')?;
                block.states = self.words("the name of a state", '}')?;
                self.mark(';')?;
            } else {
                return self.expected("`type`, `property` or `}`");
            }
        }
        self.mark('}')?;
        Ok(block)
    }

    /// A block that is broken is kept as incomplete: its variable has a block, though no table.
    fn probability(&mut self, file: &mut File<'a>) -> Parsed<()> {
        self.mark('(')?;
        let child = self.word("the name of a variable")?;
        let mut parents = Vec::new();
        match self.token {
            Token::Mark('|') => {
                self.advance();
                parents = self.words("the name of a parent", ')')?;
            }
            // Some writers give the parents behind a comma or nothing.
            _ => parents.extend(self.words("`|`, the name of a parent", ')')?),
        }
        let mut block = ProbabilityBlock { child, parents, rows: Vec::new(), complete: false };
        let read = self.rows(&mut block);
        block.complete = read.is_ok();
        file.probabilities.push(block);
        read
    }

    fn rows(&mut self, block: &mut ProbabilityBlock<'a>) -> Parsed<()> {
        self.mark('{')?;
        while self.token != Token::Mark('}') {
            let start = self.at.start;
            let of = if self.keyword("property") {
                self.property()?;
                continue;
            } else if self.keyword("table") {
                RowOf::Table
            } else if self.keyword("default") {
                RowOf::Default
            } else if self.token == Token::Mark('(') {
                self.advance();
                RowOf::States(self.words("the name of a state", ')')?)
            } else {
                return self.expected("`table`, `default`, `(` or `}`");
            };
            let values = self.numbers()?;
            block.rows.push(Row { of, values, at: start..self.at.start });
        }
        self.mark('}')
    }
}
