//! Model references: the ways in which a user names a model.
//!
//! `NAME`, `NAME/VERSION`, `NAME@ALIAS`, `m-<id>`, `runs:/RUN/PATH`, and MLflow's `models:/…` forms of them. A reference is only ever
//! matched against what is loaded, never joined to a path.

/// What a user asked for. Borrows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// The newest version that serves.
    Newest(&'a str),
    /// One version.
    Version(&'a str, u64),
    /// The version that an alias names.
    Alias(&'a str, &'a str),
    /// The newest version in a stage.
    Stage(&'a str, &'a str),
}

impl<'a> Reference<'a> {
    /// Reads a reference as a user writes it.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        if text.starts_with("runs:/") {
            return Self::Newest(text);
        }
        let uri = text.strip_prefix("models:/");
        let text = uri.unwrap_or(text);
        if let Some((name, alias)) = text.rsplit_once('@') {
            return Self::Alias(name, alias);
        }
        match text.rsplit_once('/') {
            Some((name, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_or(Self::Newest(text), |version| Self::Version(name, version))
            }
            Some((name, "latest")) => Self::Newest(name),
            Some((name, stage)) if uri.is_some() => {
                if stage.eq_ignore_ascii_case("latest") {
                    Self::Newest(name)
                } else {
                    Self::Stage(name, stage)
                }
            }
            _ => Self::Newest(text),
        }
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self {
            Self::Newest(name) | Self::Version(name, _) | Self::Alias(name, _) | Self::Stage(name, _) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        use Reference::{Alias, Newest, Stage, Version};
        for (text, expected) in [
            ("wine", Newest("wine")),
            ("wine/7", Version("wine", 7)),
            ("wine@champion", Alias("wine", "champion")),
            ("m-0123", Newest("m-0123")),
            ("models:/wine/7", Version("wine", 7)),
            ("models:/wine@champion", Alias("wine", "champion")),
            ("models:/wine/Production", Stage("wine", "Production")),
            ("models:/wine/latest", Newest("wine")),
            ("models:/wine/Latest", Newest("wine")),
            ("models:/m-0123", Newest("m-0123")),
            ("with/slash", Newest("with/slash")),
            ("runs:/0af3/model/7", Newest("runs:/0af3/model/7")),
        ] {
            assert_eq!(Reference::parse(text), expected, "{text}");
        }
    }
}
