//! Parses the expressions of a dialplan, which both switches write alike: `${NAME}`, `${FUNCTION(…)}`, and
//! Asterisk's `$[…]`.
//!
//! Knows their syntax; does not know functions or variables.

/// One `${…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference<'t> {
    /// The text between the braces.
    pub(super) inside: &'t str,
    /// The name of the variable or function.
    pub(super) name: &'t str,
    /// The arguments of a function. None for a variable.
    pub(super) arguments: Option<&'t str>,
    /// The functions around it, from the outermost to the innermost.
    pub(super) functions: Vec<&'t str>,
    /// True inside of `$[…]`, which uses the value in a calculation and does not copy its text.
    pub(super) evaluated: bool,
}

impl Reference<'_> {
    /// True if it is in the arguments of one of these functions.
    pub(super) fn is_within(&self, functions: &[&str]) -> bool {
        self.functions.iter().any(|function| functions.contains(function))
    }
}

/// Returns every `${…}` of a text, nested ones included.
pub(super) fn references(text: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    collect_references(text, &[], false, MAX_DEPTH, &mut found);
    found
}

/// The deepest nesting that is followed. Real dialplans stay far below it.
const MAX_DEPTH: usize = 32;

fn collect_references<'t>(
    text: &'t str,
    functions: &[&'t str],
    evaluated: bool,
    depth: usize,
    found: &mut Vec<Reference<'t>>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('$') {
        let Some((inside, after)) = bracketed(behind) else {
            rest = behind;
            continue;
        };
        rest = after;
        if behind.starts_with('[') {
            collect_references(inside, functions, true, depth, found);
            continue;
        }
        let (name, arguments) = inside.split_at(inside.find(NAME_ENDS).unwrap_or(inside.len()));
        let is_function = arguments.starts_with(['(', ' ']);
        found.push(Reference {
            inside,
            name,
            arguments: is_function.then(|| arguments.get(1..).unwrap_or_default()),
            functions: functions.to_vec(),
            evaluated,
        });
        match is_function {
            true => collect_references(arguments, &[functions, &[name]].concat(), evaluated, depth, found),
            false => collect_references(inside, functions, evaluated, depth, found),
        }
    }
}

/// The characters that end a name: arguments, a substring (`${NAME:1:2}`), an index, or another expression
/// follow.
const NAME_ENDS: [char; 6] = ['(', ' ', ':', '[', '$', '{'];

/// Splits a text that begins with a bracket: returns the text in the brackets and the text after them. A
/// bracket that is not closed extends to the end.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix(['{', '['])?;
    let mut depth = 1_usize;
    for (at, character) in inside.char_indices() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((inside.get(..at)?, inside.get(at + 1..)?));
        }
    }
    Some((inside, ""))
}

/// Returns a text with every `${…}` and `$[…]` replaced.
pub(super) fn replace_expressions(text: &str, replacement: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        rest = match bracketed(behind) {
            Some((_, after)) => {
                out.push_str(replacement);
                after
            }
            None => {
                out.push('$');
                behind
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_is_found_with_the_functions_around_it() {
        let text = "a${URIENCODE(${CALLERID(num)})}b$[\"${X}\" = 1]${Y:2}${A${B}}$1${open(${Z";
        let found: Vec<_> = references(text)
            .into_iter()
            .map(|found| (found.name, found.arguments, found.functions.join(" "), found.evaluated))
            .collect();
        let none = String::new;
        assert_eq!(
            found,
            [
                ("URIENCODE", Some("${CALLERID(num)})"), none(), false),
                ("CALLERID", Some("num)"), "URIENCODE".to_owned(), false),
                ("X", None, none(), true),
                ("Y", None, none(), false),
                ("A", None, none(), false),
                ("B", None, none(), false),
                ("open", Some("${Z"), none(), false),
                ("Z", None, "open".to_owned(), false),
            ]
        );
        assert!(references(&"${".repeat(100_000)).len() <= MAX_DEPTH);
    }

    #[test]
    fn a_nested_expression_is_replaced_as_a_whole() {
        assert_eq!(replace_expressions("a${B(${C},d)}e$[1+2]$f$", "x"), "axex$f$");
    }
}
