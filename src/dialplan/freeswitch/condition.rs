//! The conditions around an action: what they have tested of a value, and what `$1` holds behind them.

use roxmltree::Node;

use super::references;

/// True if the action runs only where a condition has found that the value is of a closed form, such as `^\d+$`.
pub(super) fn is_validated(action: Node<'_, '_>, name: &str) -> bool {
    let Some(extension) = action.ancestors().find(|node| node.has_tag_name("extension")) else {
        return false;
    };
    let own = action.parent();
    let conditions = extension.descendants().filter(|node| node.has_tag_name("condition"));
    let before = conditions.take_while(|node| node.range().start < action.range().start);
    before.filter(|node| Some(*node) != own || action.has_tag_name("action")).any(|condition| {
        let must_match =
            Some(condition) == own || matches!(condition.attribute("break"), None | Some("on-false"));
        must_match
            && field_variables(field(condition)) == [name.to_owned()]
            && is_allow_list(condition.attribute("expression").unwrap_or_default())
    })
}

/// What the `$1` … of a text hold, with the names of the variables that they come from.
pub(super) fn capture_sources(action: Node<'_, '_>, text: &str) -> Vec<(String, String)> {
    let condition = action.parent().filter(|node| node.has_tag_name("condition"));
    let open = condition.filter(|node| !is_allow_list(node.attribute("expression").unwrap_or_default()));
    let Some((condition, written)) = open.zip(capture(text)) else { return Vec::new() };
    field_variables(field(condition)).into_iter().map(|name| (written.clone(), name)).collect()
}

fn field<'a>(condition: Node<'a, '_>) -> &'a str {
    condition.attribute("field").unwrap_or_default()
}

/// The first `$1` or `${1}`-like capture of a text.
fn capture(text: &str) -> Option<String> {
    let digit = |behind: &str| behind.chars().next().filter(char::is_ascii_digit);
    text.split('$').skip(1).find_map(digit).map(|digit| format!("${digit}"))
}

/// The variables that a field names, in small letters: `${route}`, or a field of the caller profile.
fn field_variables(field: &str) -> Vec<String> {
    match field.contains('$') {
        false => vec![field.trim().to_ascii_lowercase()],
        true => references(field).iter().map(|found| found.name.to_ascii_lowercase()).collect(),
    }
}

/// True if an expression lets only texts through that are made of letters, digits and a few harmless signs.
fn is_allow_list(expression: &str) -> bool {
    let Some(inside) = expression.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')) else {
        return false;
    };
    let (mut depth, mut characters) = (0_usize, inside.chars());
    while let Some(character) = characters.next() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            // `^a|b$`: each half is open at one end
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
    fn an_expression_is_closed_where_it_lets_words_through_alone() {
        for closed in [r"^\d\d\d$", "^sales$", "^(sales|support)$", r"^[A-Za-z0-9_-]{1,20}$", r"^\+?\d+$"] {
            assert!(is_allow_list(closed), "{closed}");
        }
        for open in ["", "^(.+)$", "sales", "^a|b$", r"^\S+$", "^[^,]+$", "^[ -~]+$", r"^\D$", "^a b$"] {
            assert!(!is_allow_list(open), "{open}");
        }
    }
}
