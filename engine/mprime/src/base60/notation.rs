//! Reads numbers of base 60 as people write them.

use std::str::FromStr;

use super::{Error, PLACES_MAX, Sexagesimal, from_digits};

/// Reads the notation of the module. White space may stand anywhere but inside a digit, `+` before a number, leading zeros
/// before digits, and the digits may repeat (`0;(59)` is 1): what is kept is the one way to write the number.
impl FromStr for Sexagesimal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut reader = Reader { characters: text.chars().collect(), at: 0, digits: 0 };
        let read = reader.number()?;
        // The same number may be written in several ways; going through its value leaves one.
        let is_plain = read.repeating.is_empty() && !read.fixed.ends_with(&[0]) && !read.whole.starts_with(&[0]);
        if is_plain {
            return Ok(read);
        }
        Sexagesimal::new(&read.to_rational(), PLACES_MAX)
    }
}

/// Which character comes next.
struct Reader {
    characters: Vec<char>,
    at: usize,
    digits: usize,
}

impl Reader {
    fn number(&mut self) -> Result<Sexagesimal, Error> {
        self.skip_space();
        let is_negative = self.peek() == Some('-');
        if matches!(self.peek(), Some('-' | '+')) {
            self.at += 1;
        }
        let whole = self.digits()?;
        let (mut fixed, mut repeating) = (Vec::new(), Vec::new());
        if self.take(';') {
            self.skip_space();
            if self.peek() != Some('(') {
                fixed = self.digits_until_period()?;
            }
            if self.take('(') {
                repeating = self.digits()?;
                if !self.take(')') {
                    return Err(self.unexpected("a comma or `)`"));
                }
            }
        }
        self.skip_space();
        if self.peek().is_some() {
            let wanted = if repeating.is_empty() { "a comma, a semicolon or the end" } else { "the end" };
            return Err(self.unexpected(wanted));
        }
        // No text is longer than is written.
        let is_negative = is_negative && [&whole, &fixed, &repeating].iter().any(|part| !from_digits(part).is_zero());
        Ok(Sexagesimal { is_negative, whole, fixed, repeating })
    }

    /// Digits parted by commas.
    fn digits(&mut self) -> Result<Vec<u8>, Error> {
        let mut digits = vec![self.digit()?];
        while self.take(',') {
            digits.push(self.digit()?);
        }
        Ok(digits)
    }

    /// Digits parted by commas, after whose last comma a parenthesis may open.
    fn digits_until_period(&mut self) -> Result<Vec<u8>, Error> {
        let mut digits = vec![self.digit()?];
        while self.take(',') {
            self.skip_space();
            if self.peek() == Some('(') {
                return Ok(digits);
            }
            digits.push(self.digit()?);
        }
        if self.peek() == Some('(') {
            return Err(self.unexpected("a comma before `(`"));
        }
        Ok(digits)
    }

    fn digit(&mut self) -> Result<u8, Error> {
        self.skip_space();
        let begin = self.at;
        let mut value = 0u32;
        while let Some(figure) = self.peek().and_then(|character| character.to_digit(10)) {
            value = value.saturating_mul(10).saturating_add(figure);
            self.at += 1;
        }
        if self.at == begin {
            return Err(self.unexpected("a digit from 0 to 59"));
        }
        if value > 59 {
            let written: String = self.characters[begin..self.at].iter().take(12).collect();
            return Err(Error::Parse {
                column: begin + 1,
                cause: format!("{written} is no digit of base 60"),
                help: "digits go from 0 to 59; part them with commas, as in `1,1,1` for 3661".to_owned(),
            });
        }
        self.digits += 1;
        if self.digits > PLACES_MAX {
            return Err(Error::TooLarge { what: "the text", size: self.digits, unit: "digits", most: PLACES_MAX });
        }
        Ok(value as u8)
    }

    /// Steps over a character, and the space before it, where it is the next.
    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let found = self.peek().map_or("the end".to_owned(), |character| format!("`{character}`"));
        let help = match self.peek() {
            Some('.') => "a semicolon stands before the fraction: `0;30` is 1/2",
            Some(':') | Some(' ') => "digits are parted by commas: `1,1,1` is 3661",
            _ => "a number is written like `1,1,1` (3661), `0;30` (1/2) or `0;(8,34,17)` (1/7)",
        };
        Error::Parse {
            column: self.at + 1,
            cause: format!("{wanted} is missing, there is {found}"),
            help: help.to_owned(),
        }
    }
}
