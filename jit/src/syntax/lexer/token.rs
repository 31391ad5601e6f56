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

/// The reserved words.
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

pub(super) fn keyword(word: &[u8]) -> Option<Token> {
    let found = KEYWORDS.iter().find(|(text, _)| text.as_bytes() == word)?;
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
    fn identifiers_are_names_that_are_not_reserved() {
        assert!(is_identifier(b"_x1") && is_identifier(b"End"));
        assert!(!is_identifier(b"end") && !is_identifier(b"1x") && !is_identifier(b""));
        assert!(!is_identifier("é".as_bytes()) && !is_identifier(b"a b"));
    }
}
