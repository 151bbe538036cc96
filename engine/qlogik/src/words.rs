//! Rules as people write them, cut into words, numbers and signs, with the place of each.
//!
//! Shared by the fuzzy rules (`if load is high then fan is fast`) and the symbolic ones (`weather = storm => fly = no`). It
//! gives no meaning to any word.

/// A range of bytes of the text.
pub(crate) type Place = std::ops::Range<usize>;

/// The longest rule that is read, in bytes: a rule is a sentence, not a file.
pub(crate) const RULE_BYTES_MAX: usize = 1 << 14;
/// The deepest nesting of brackets and `not`s.
pub(crate) const DEPTH_MAX: usize = 64;

/// A piece of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name or a word of the language.
    Word(String),
    /// A number.
    Number(f64),
    /// `(`, `)`, `,`, `=`, `!=`, `=>`, `+`, `-`, `*`.
    Sign(&'static str),
    /// Behind the last piece.
    End,
}

impl Token {
    /// How it is quoted in a message.
    pub(crate) fn named(&self) -> String {
        match self {
            Token::Word(word) => format!("`{word}`"),
            Token::Number(number) => format!("`{number}`"),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end".to_owned(),
        }
    }
}

/// The signs, longer ones first where one begins like another.
const SIGNS: [&str; 9] = ["=>", "!=", "=", "(", ")", ",", "+", "-", "*"];

/// The words of a rule, and how far it has been read.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    tokens: Vec<(Token, Place)>,
    next: usize,
    depth: usize,
}

/// What is wrong with a rule, and where in it.
pub(crate) type Wrong = (String, Place);

impl Words {
    /// Cuts a rule into its pieces. A name with other letters than those of words stands in single quotes.
    pub(crate) fn of(text: &str) -> Result<Self, Wrong> {
        if text.len() > RULE_BYTES_MAX {
            return Err((format!("the rule has {} bytes; at most {RULE_BYTES_MAX} are read", text.len()), 0..0));
        }
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(letter) = text[at..].chars().next() {
            let rest = &text[at..];
            if letter.is_whitespace() {
                at += letter.len_utf8();
                continue;
            }
            let (token, length) = if letter == '\'' {
                let end = rest[1..].find('\'').ok_or_else(|| ("a quote is not closed".to_owned(), at..text.len()))?;
                (Token::Word(rest[1..1 + end].to_owned()), end + 2)
            } else if letter.is_ascii_digit() || (letter == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
            {
                number_or_word(rest, at)?
            } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                (Token::Sign(sign), sign.len())
            } else if is_letter(letter) {
                let end = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            } else {
                return Err((format!("`{letter}` means nothing in a rule"), at..at + letter.len_utf8()));
            };
            tokens.push((token, at..at + length));
            at += length;
        }
        tokens.push((Token::End, text.len()..text.len()));
        Ok(Words { tokens, next: 0, depth: 0 })
    }

    /// The next piece, which stays where it is.
    pub(crate) fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    /// Where the next piece stands.
    pub(crate) fn place(&self) -> Place {
        self.tokens[self.next].1.clone()
    }

    /// Takes the next piece; behind the end there is always the end.
    pub(crate) fn take(&mut self) -> Token {
        let token = self.tokens[self.next].0.clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    /// Takes the next piece if it is this word of the language, whatever its case.
    pub(crate) fn takes(&mut self, word: &str) -> bool {
        let found = match self.peek() {
            Token::Word(known) => known.eq_ignore_ascii_case(word),
            Token::Sign(sign) => *sign == word,
            Token::Number(_) | Token::End => false,
        };
        if found {
            self.take();
        }
        found
    }

    /// Takes the next piece, which must be this one.
    pub(crate) fn expect(&mut self, word: &str) -> Result<(), Wrong> {
        if self.takes(word) { Ok(()) } else { Err(self.wrong(&format!("`{word}`"))) }
    }

    /// Takes a name. A number is one too where it stands for a state.
    pub(crate) fn name(&mut self, what: &str) -> Result<String, Wrong> {
        match self.peek().clone() {
            Token::Word(word) => {
                self.take();
                Ok(word)
            }
            Token::Number(number) => {
                self.take();
                Ok(number.to_string())
            }
            Token::Sign(_) | Token::End => Err(self.wrong(what)),
        }
    }

    /// Nothing but the end may follow.
    pub(crate) fn end(&self) -> Result<(), Wrong> {
        if *self.peek() == Token::End { Ok(()) } else { Err(self.wrong("the end of the rule")) }
    }

    /// That something else stands here than what belongs here.
    pub(crate) fn wrong(&self, wanted: &str) -> Wrong {
        (format!("{} stands where {wanted} belongs", self.peek().named()), self.place())
    }

    /// One bracket or `not` deeper, to a bound. [`Words::leave`] follows.
    pub(crate) fn enter(&mut self) -> Result<(), Wrong> {
        if self.depth >= DEPTH_MAX {
            return Err((format!("brackets are nested more than {DEPTH_MAX} deep"), self.place()));
        }
        self.depth += 1;
        Ok(())
    }

    /// Back out of what [`Words::enter`] went into.
    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.' | '<' | '>' | '%' | '/')
}

/// A number, or a word that begins with a digit, like `0_to_5`.
fn number_or_word(rest: &str, at: usize) -> Result<(Token, usize), Wrong> {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let sign_of_exponent = matches!(bytes[end], b'+' | b'-')
            && matches!(bytes[end - 1], b'e' | b'E')
            && rest[..end - 1].parse::<f64>().is_ok()
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !sign_of_exponent && !rest[end..].starts_with(is_letter) {
            break;
        }
        end += rest[end..].chars().next().map_or(1, char::len_utf8);
    }
    let text = &rest[..end];
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), end)),
        Ok(_) => Err((format!("{text} is too large for a number"), at..at + end)),
        Err(_) => Ok((Token::Word(text.to_owned()), end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut words = Words::of(text).unwrap();
        std::iter::from_fn(|| match words.take() {
            Token::End => None,
            token => Some(token.named()),
        })
        .collect()
    }

    #[test]
    fn rules_are_cut_into_words_numbers_and_signs() {
        assert_eq!(tokens("a=b=>c!= 'x y'"), ["`a`", "`=`", "`b`", "`=>`", "`c`", "`!=`", "`x y`"]);
        assert_eq!(tokens("2.5e-3*x - 0_5 + .5"), ["`0.0025`", "`*`", "`x`", "`-`", "`0_5`", "`+`", "`0.5`"]);
        assert_eq!(Words::of("a & b").unwrap_err(), ("`&` means nothing in a rule".to_owned(), 2..3));
        assert_eq!(Words::of("is 'x").unwrap_err(), ("a quote is not closed".to_owned(), 3..5));
        assert!(Words::of("1e999").is_err());
    }
}
