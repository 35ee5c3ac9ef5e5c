//! Reads the conditions around an action: the values that they validate, and the captures `$1` … that they
//! provide.

use roxmltree::Node;

use super::references;

/// True if the action runs only after a condition has validated this variable with an allow list.
pub(super) fn is_validated(action: Node<'_, '_>, variable: &str) -> bool {
    let Some(extension) = action.ancestors().find(|node| node.has_tag_name("extension")) else {
        return false;
    };
    let own_condition = action.parent();
    for condition in extension.descendants().filter(|node| node.has_tag_name("condition")) {
        if condition.range().start >= action.range().start {
            break;
        }
        let is_own = Some(condition) == own_condition;
        // an anti-action runs if its own condition does not match
        let must_match = match is_own {
            true => action.has_tag_name("action"),
            false => matches!(condition.attribute("break"), None | Some("on-false")),
        };
        if must_match && field_variables(condition) == [variable] && is_allow_list(expression_of(condition)) {
            return true;
        }
    }
    false
}

/// Returns the captures `$1` … in a text, each with the variable from which it comes. None of a condition
/// with an allow list.
pub(super) fn capture_sources(action: Node<'_, '_>, text: &str) -> Vec<(String, String)> {
    let Some(condition) = action.parent().filter(|node| node.has_tag_name("condition")) else {
        return Vec::new();
    };
    if is_allow_list(expression_of(condition)) {
        return Vec::new();
    }
    let Some(capture) = first_capture(text) else { return Vec::new() };
    field_variables(condition).into_iter().map(|variable| (capture.clone(), variable)).collect()
}

fn expression_of<'a>(condition: Node<'a, '_>) -> &'a str {
    condition.attribute("expression").unwrap_or_default()
}

/// Returns the first `$1` … `$9` of a text.
fn first_capture(text: &str) -> Option<String> {
    let mut after_dollars = text.split('$').skip(1);
    let digit = after_dollars.find_map(|rest| rest.chars().next().filter(char::is_ascii_digit))?;
    Some(format!("${digit}"))
}

/// Returns the variables in the field of a condition, in lower case: those of its expressions, or a field of
/// the caller profile.
fn field_variables(condition: Node<'_, '_>) -> Vec<String> {
    let field = condition.attribute("field").unwrap_or_default();
    if !field.contains('$') {
        return vec![field.trim().to_ascii_lowercase()];
    }
    references(field).iter().map(|reference| reference.name.to_ascii_lowercase()).collect()
}

/// True if an expression matches only texts of letters, digits and a few harmless characters, such as
/// `^\d+$`.
fn is_allow_list(expression: &str) -> bool {
    let Some(inside) = expression.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')) else {
        return false;
    };
    let (mut depth, mut characters) = (0_usize, inside.chars());
    while let Some(character) = characters.next() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            // in `^a|b$`, each alternative is anchored at one end only
            '|' if depth == 0 => return false,
            '\\' if !characters
                .next()
                .is_some_and(|next| matches!(next, 'd' | 'w' | '.' | '+' | '*' | '-' | '#')) =>
            {
                return false;
            }
            '\\' | '|' | '+' | '*' | '?' | ',' | '-' | '_' => {}
            plain if plain.is_ascii_alphanumeric() => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_matches_harmless_words_only_is_an_allow_list() {
        for allow_list in [r"^\d\d\d$", "^sales$", "^(sales|support)$", r"^[A-Za-z0-9_-]{1,20}$", r"^\+?\d+$"]
        {
            assert!(is_allow_list(allow_list), "{allow_list}");
        }
        for open in ["", "^(.+)$", "sales", "^a|b$", r"^\S+$", "^[^,]+$", "^[ -~]+$", r"^\D$", "^a b$"] {
            assert!(!is_allow_list(open), "{open}");
        }
    }
}
