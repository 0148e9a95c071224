//! The little language in which a command's syntax is declared, and its parsed form.
//!
//! | written | meaning |
//! |---|---|
//! | `preference` | a keyword; any unique prefix is accepted, in any case |
//! | `<0-10>`, `<-6-14>` | a decimal number in a range |
//! | `WORD`, `LINE`, `A.B.C.D`, `NUMBER`, `INTERFACE` | arguments, see [`Kind`] |
//! | `ipv4:WORD` | a keyword and an argument without a blank between |
//! | `(a\|b)` | one of several |
//! | `[x]` | optional |
//! | `x...` | one or more times |

/// What an argument accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any characters but a blank.
    Word,
    /// The rest of the line, inner blanks kept, trailing blanks cut.
    Line,
    /// A dotted IPv4 address or mask.
    Address,
    /// Decimal number within the bounds, both included.
    Range(i64, i64),
    /// Any decimal number.
    Number,
    /// An interface name: `Gi0/0`, `GigabitEthernet 0/0`, `Serial1/0:15`; one or two words.
    Interface,
}

impl Kind {
    /// As `?` and the manual print it.
    pub fn label(self) -> String {
        match self {
            Kind::Word => "WORD".into(),
            Kind::Line => "LINE".into(),
            Kind::Address => "A.B.C.D".into(),
            Kind::Range(low, high) => format!("<{low}-{high}>"),
            Kind::Number => "<0-4294967295>".into(),
            Kind::Interface => "INTERFACE".into(),
        }
    }
}

/// One word of a syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Keyword, or the part before the colon of a composite such as `ipv4:WORD` (colon included).
    pub keyword: &'static str,
    /// The argument; `None` for a plain keyword.
    pub kind: Option<Kind>,
    /// Position among the words of the syntax, which selects the help text.
    pub number: usize,
}

impl Token {
    /// As `?` prints it.
    pub fn label(&self) -> String {
        match self.kind {
            None => self.keyword.to_owned(),
            Some(kind) => format!("{}{}", self.keyword, kind.label()),
        }
    }
}

/// A parsed syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// A word.
    Token(Token),
    /// Everything in order.
    Sequence(Vec<Syntax>),
    /// One of these.
    Choice(Vec<Syntax>),
    /// This or nothing.
    Optional(Box<Syntax>),
    /// This, one or more times.
    Repeat(Box<Syntax>),
}

impl Syntax {
    /// Parses a declaration. An unbalanced bracket is closed at the end of the text; the grammar walk in the
    /// tests refuses such declarations.
    pub fn parse(text: &'static str) -> (Syntax, usize) {
        let mut parser = Parser { rest: text, words: 0 };
        let syntax = parser.choice();
        (syntax, parser.words)
    }

    /// Calls `visit` for every word in the order of the declaration.
    pub fn tokens<'a>(&'a self, visit: &mut dyn FnMut(&'a Token)) {
        match self {
            Syntax::Token(token) => visit(token),
            Syntax::Sequence(items) | Syntax::Choice(items) => items.iter().for_each(|i| i.tokens(visit)),
            Syntax::Optional(item) | Syntax::Repeat(item) => item.tokens(visit),
        }
    }

    /// True if the word is in full a keyword with which the syntax can begin.
    pub fn begins_with(&self, word: &str) -> bool {
        match self {
            Syntax::Token(token) => token.kind.is_none() && token.keyword.eq_ignore_ascii_case(word),
            Syntax::Sequence(items) => items.first().is_some_and(|i| i.begins_with(word)),
            Syntax::Choice(branches) => branches.iter().any(|b| b.begins_with(word)),
            Syntax::Optional(item) | Syntax::Repeat(item) => item.begins_with(word),
        }
    }

    /// How many plain keywords open the syntax: the words that name the setting, before its values.
    pub fn leading_keywords(&self) -> usize {
        match self {
            Syntax::Token(token) => usize::from(token.kind.is_none()),
            Syntax::Sequence(items) => {
                items.iter().take_while(|i| matches!(i, Syntax::Token(Token { kind: None, .. }))).count()
            }
            _ => 0,
        }
    }
}

struct Parser {
    rest: &'static str,
    words: usize,
}

impl Parser {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: char) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn choice(&mut self) -> Syntax {
        let mut branches = vec![self.sequence()];
        while self.take('|') {
            branches.push(self.sequence());
        }
        if branches.len() == 1 { branches.swap_remove(0) } else { Syntax::Choice(branches) }
    }

    fn sequence(&mut self) -> Syntax {
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            let item = if self.take('(') {
                let inner = self.choice();
                self.take(')');
                inner
            } else if self.take('[') {
                let inner = self.choice();
                self.take(']');
                Syntax::Optional(Box::new(inner))
            } else {
                let end = self.rest.find([' ', '(', ')', '[', ']', '|']).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                let (word, rest) = match word.find("...") {
                    Some(dots) => self.rest.split_at(dots),
                    None => (word, rest),
                };
                if word.is_empty() {
                    break;
                }
                self.rest = rest;
                let number = self.words;
                self.words += 1;
                Syntax::Token(word_token(word, number))
            };
            match self.rest.strip_prefix("...") {
                Some(rest) => {
                    self.rest = rest;
                    items.push(Syntax::Repeat(Box::new(item)));
                }
                None => items.push(item),
            }
        }
        if items.len() == 1 { items.swap_remove(0) } else { Syntax::Sequence(items) }
    }
}

fn word_token(word: &'static str, number: usize) -> Token {
    if let Some(kind) = kind_of(word) {
        return Token { keyword: "", kind: Some(kind), number };
    }
    if let Some(colon) = word.find(':') {
        let (prefix, argument) = word.split_at(colon + 1);
        if let Some(kind) = kind_of(argument) {
            return Token { keyword: prefix, kind: Some(kind), number };
        }
    }
    Token { keyword: word, kind: None, number }
}

fn kind_of(word: &str) -> Option<Kind> {
    match word {
        "WORD" => Some(Kind::Word),
        "LINE" => Some(Kind::Line),
        "A.B.C.D" => Some(Kind::Address),
        "NUMBER" => Some(Kind::Number),
        "INTERFACE" => Some(Kind::Interface),
        _ => {
            let range = word.strip_prefix('<')?.strip_suffix('>')?;
            // A minus at the beginning is a sign.
            let (dash, _) = range.char_indices().skip(1).find(|(_, sign)| *sign == '-')?;
            let (low, high) = (range.get(..dash)?, range.get(dash + 1..)?);
            Some(Kind::Range(low.parse().ok()?, high.parse().ok()?))
        }
    }
}
