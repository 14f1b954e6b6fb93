//! Paths as words for the shell, for a command line that is to be repeated.

use std::path::Path;

/// A path as a word for the shell, on one line.
pub fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.escape_debug().to_string().replace("\\'", "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word_on_one_line() {
        assert_eq!(word(Path::new("a/b-1.rs")), "a/b-1.rs");
        assert_eq!(word(Path::new("a b")), "'a b'");
        assert_eq!(word(Path::new("a\nb")), "'a\\nb'");
    }
}
