//! Tokens, their texts, and what a name is.

use super::super::ast::Str;

#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    Eof,
    Name(Str),
    Str(Str),
    Int(i64),
    Float(f64),
    /// A single-byte token, valid or not.
    Char(u8),
    And,
    Break,
    Do,
    Else,
    Elseif,
    End,
    False,
    For,
    Function,
    Goto,
    If,
    In,
    Local,
    Nil,
    Not,
    Or,
    Repeat,
    Return,
    Then,
    True,
    Until,
    While,
    IDiv,
    Concat,
    Dots,
    Eq,
    Ge,
    Le,
    Ne,
    Shl,
    Shr,
    DbColon,
}

/// The reserved words, in alphabetical order.
const KEYWORDS: [(&str, Token); 22] = [
    ("and", Token::And),
    ("break", Token::Break),
    ("do", Token::Do),
    ("else", Token::Else),
    ("elseif", Token::Elseif),
    ("end", Token::End),
    ("false", Token::False),
    ("for", Token::For),
    ("function", Token::Function),
    ("goto", Token::Goto),
    ("if", Token::If),
    ("in", Token::In),
    ("local", Token::Local),
    ("nil", Token::Nil),
    ("not", Token::Not),
    ("or", Token::Or),
    ("repeat", Token::Repeat),
    ("return", Token::Return),
    ("then", Token::Then),
    ("true", Token::True),
    ("until", Token::Until),
    ("while", Token::While),
];

/// Tokens of two or three fixed bytes.
const SYMBOLS: [(&str, Token); 10] = [
    ("//", Token::IDiv),
    ("..", Token::Concat),
    ("...", Token::Dots),
    ("==", Token::Eq),
    (">=", Token::Ge),
    ("<=", Token::Le),
    ("~=", Token::Ne),
    ("<<", Token::Shl),
    (">>", Token::Shr),
    ("::", Token::DbColon),
];

/// Position in [`KEYWORDS`] of the first word with each initial from `a` on.
const FIRST_KEYWORD: [u8; 27] = {
    let mut first = [0; 27];
    let mut initial = 0;
    while initial < 26 {
        let mut at = first[initial];
        while (at as usize) < KEYWORDS.len()
            && KEYWORDS[at as usize].0.as_bytes()[0] == b'a' + initial as u8
        {
            at += 1;
        }
        initial += 1;
        first[initial] = at;
    }
    first
};

pub(super) fn keyword(word: &[u8]) -> Option<Token> {
    let initial = usize::from(word.first()?.wrapping_sub(b'a'));
    let (first, end) = (FIRST_KEYWORD.get(initial)?, FIRST_KEYWORD.get(initial + 1)?);
    let candidates = &KEYWORDS[usize::from(*first)..usize::from(*end)];
    let found = candidates.iter().find(|(text, _)| text.as_bytes() == word)?;
    Some(found.1.clone())
}

/// Whether these bytes are a name: what `a.b` accepts after the dot.
pub fn is_identifier(text: &[u8]) -> bool {
    match text {
        [first, ..] if is_name_start(*first) => {
            text.iter().all(|&c| is_name_byte(c)) && keyword(text).is_none()
        }
        _ => false,
    }
}

pub(super) fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Token {
    /// The token as messages name it when it is *expected*.
    pub fn describe(&self) -> String {
        match self {
            Token::Eof => "<eof>".into(),
            Token::Name(_) => "<name>".into(),
            Token::Str(_) => "<string>".into(),
            Token::Int(_) => "<integer>".into(),
            Token::Float(_) => "<number>".into(),
            Token::Char(c @ b' '..=b'~') => format!("'{}'", *c as char),
            Token::Char(c) => format!("'<\\{c}>'"),
            fixed => {
                let mut table = KEYWORDS.iter().chain(&SYMBOLS);
                let found = table.find(|(_, token)| token == fixed);
                format!("'{}'", found.expect("every fixed token has its text in a table").0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_found() {
        for (text, token) in KEYWORDS {
            assert_eq!(keyword(text.as_bytes()), Some(token));
        }
    }

    #[test]
    fn identifiers_are_names_that_are_not_reserved() {
        assert!(is_identifier(b"_x1") && is_identifier(b"End"));
        assert!(!is_identifier(b"end") && !is_identifier(b"1x") && !is_identifier(b""));
        assert!(!is_identifier("é".as_bytes()) && !is_identifier(b"a b"));
    }
}
