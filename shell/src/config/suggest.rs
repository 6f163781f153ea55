//! Which of the known words somebody meant.

/// Longer words are never compared, so that a hostile file costs nothing.
const LONGEST: usize = 64;

/// The known word closest to `word`, if one is close enough that it was probably meant.
///
/// One slip is allowed in a short word and one more for every three letters; case does not count.
pub fn suggest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let allowed = word.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|&(slips, candidate)| slips <= allowed && slips < candidate.chars().count())
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "..."?` where one of the known words was probably meant, or else `otherwise`.
pub(super) fn hint<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    suggest(word, known).map_or_else(otherwise, |meant| format!("; did you mean \"{meant}\"?"))
}

/// Which words are known: `; known keys are "name" and "kind"`.
pub(super) fn known(what: &str, words: &[&str]) -> String {
    match words {
        [one] => format!("; the only {what} is \"{one}\""),
        many => format!("; known {what}s are {}", quoted(many, "and")),
    }
}

/// The words in quotes, with commas between and `last` before the last one.
pub(super) fn quoted(words: &[&str], last: &str) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match words.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["zendesk", "ai", "carrier", "phones"];

    #[test]
    fn near_misses_are_understood() {
        assert_eq!(suggest("zendsk", KNOWN), Some("zendesk"));
        assert_eq!(suggest("Zendesk", KNOWN), Some("zendesk"));
        assert_eq!(suggest("zednesk", KNOWN), Some("zendesk"));
        assert_eq!(suggest("a", KNOWN), Some("ai"));
        assert_eq!(suggest("phone", KNOWN), Some("phones"));
    }

    #[test]
    fn what_is_far_away_suggests_nothing() {
        assert_eq!(suggest("kamailio", KNOWN), None);
        assert_eq!(suggest("xy", KNOWN), None);
        assert_eq!(suggest("", KNOWN), None);
        assert_eq!(suggest(&"zendesk".repeat(100), KNOWN), None);
    }

    #[test]
    fn words_are_listed_as_in_a_sentence() {
        assert_eq!(quoted(&["a"], "or"), "\"a\"");
        assert_eq!(quoted(&["a", "b", "c"], "or"), "\"a\", \"b\" or \"c\"");
    }
}
