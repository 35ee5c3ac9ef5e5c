//! Finds the values at some paths of a JSON text.
//!
//! All paths are followed at once, and no tree is built. The text is read as often as the longest path has
//! steps, however many paths there are: for fifty paths in 1 MiB of JSON, too.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The names of members and the indexes of elements that lead to a value (RFC 6901).
type Path<'p> = &'p [String];

/// Returns the value at each path, as it is written, without white space around it.
///
/// It is none for a path to nothing. Of several members with one name the last one counts.
///
/// # Errors
/// Returns an error if the text is not JSON.
pub(super) fn values<'t>(
    text: &'t str,
    paths: &[Option<Path<'_>>],
) -> Result<Vec<Option<&'t str>>, serde_json::Error> {
    let whole: &RawValue = serde_json::from_str(text)?;
    let mut found = vec![None; paths.len()];
    let paths = paths.iter().zip(&mut found).filter_map(|(path, found)| Some(((*path)?, found)));
    follow(whole.get(), paths.collect())?;
    Ok(found)
}

/// Fills in the value at the end of each path. The paths begin at `value`.
fn follow<'t>(value: &'t str, paths: Vec<(Path<'_>, &mut Option<&'t str>)>) -> Result<(), serde_json::Error> {
    let mut longer: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (path, found) in paths {
        match path.split_first() {
            None => *found = Some(value),
            Some((name, rest)) => longer.entry(name).or_default().push((rest, found)),
        }
    }
    if longer.is_empty() || !value.starts_with(['{', '[']) {
        return Ok(());
    }
    let names: Vec<_> = longer.keys().copied().collect();
    let children = Children(&names).deserialize(&mut serde_json::Deserializer::from_str(value))?;
    for (child, paths) in children.into_iter().zip(longer.into_values()) {
        if let Some(child) = child {
            follow(child, paths)?;
        }
    }
    Ok(())
}

/// Reads the members or elements with these sorted names, each as it is written.
#[derive(Clone, Copy)]
struct Children<'n>(&'n [&'n str]);

impl<'t> DeserializeSeed<'t> for Children<'_> {
    type Value = Vec<Option<&'t str>>;

    fn deserialize<D: Deserializer<'t>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Children<'_> {
    type Value = Vec<Option<&'t str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = vec![None; self.0.len()];
        while let Some(position) = members.next_key_seed(Name(self.0))? {
            match position.and_then(|at| found.get_mut(at)) {
                Some(found) => *found = Some(members.next_value::<&RawValue>()?.get()),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut found = vec![None; self.0.len()];
        let positions: BTreeMap<usize, usize> =
            self.0.iter().zip(0..).filter_map(|(name, position)| Some((index(name)?, position))).collect();
        for number in 0.. {
            match positions.get(&number).and_then(|position| found.get_mut(*position)) {
                Some(found) => match elements.next_element::<&RawValue>()? {
                    Some(value) => *found = Some(value.get()),
                    None => break,
                },
                None if elements.next_element::<IgnoredAny>()?.is_none() => break,
                None => {}
            }
        }
        Ok(found)
    }
}

/// ```text
/// array-index = %x30 / ( %x31-39 *(%x30-39) )
/// ```
/// (RFC 6901, 4)
fn index(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    plain.then(|| name.parse().ok())?
}

/// Reads the name of a member. Returns its position in these sorted names.
struct Name<'n>(&'n [&'n str]);

impl<'t> DeserializeSeed<'t> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'t>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.binary_search(&name).ok())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::Pointer;
    use super::*;

    fn at<'t>(text: &'t str, pointers: &[&str]) -> Option<Vec<Option<&'t str>>> {
        let pointers: Vec<Pointer> = pointers.iter().map(|pointer| pointer.parse().unwrap()).collect();
        values(text, &pointers.iter().map(|pointer| Some(pointer.path())).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn every_pointer_of_rfc_6901s_example_finds_its_value() {
        let text = r#" {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8 } "#;
        let pointers = [
            "",
            "/foo",
            "/foo/0",
            "/",
            "/a~1b",
            "/c%d",
            "/e^f",
            "/g|h",
            "/i\\j",
            "/k\"l",
            "/ ",
            "/m~0n",
            "/foo/2",
            "/foo/00",
            "/foo/-",
            "/foo/+1",
            "/foo/x",
            "/foo/0/x",
            "/nothing",
            "//",
            "/foo/99999999999999999999999",
        ];
        let found = at(text, &pointers).unwrap();
        assert_eq!(found[0], Some(text.trim()));
        let ends = [r#"["bar", "baz"]"#, r#""bar""#, "0", "1", "2", "3", "4", "5", "6", "7", "8"];
        assert_eq!(found[1..12], ends.map(Some));
        assert!(found[12..].iter().all(Option::is_none), "{found:?}");
        let tree: Value = serde_json::from_str(text).unwrap();
        for (pointer, found) in pointers.iter().zip(found) {
            assert_eq!(
                tree.pointer(pointer),
                found.map(|value| serde_json::from_str(value).unwrap()).as_ref(),
                "{pointer}"
            );
        }
    }

    #[test]
    fn the_last_of_several_members_with_one_name_counts() {
        let text = r#"{"a": {"b": 1, "c": 2}, "\u0061": {"b": 3}}"#;
        assert_eq!(at(text, &["/a/b", "/a/c"]).unwrap(), [Some("3"), None]);
    }

    #[test]
    fn the_whole_text_must_be_json() {
        for text in [
            "",
            "{",
            "{} {}",
            "{\"a\":1,}",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "{\"z\":tru}",
            "{\"z\":\"\u{1}\"}",
            "01",
            "\u{feff}1",
        ] {
            assert_eq!(at(text, &["/a"]), None, "{text}");
        }
        let deep = format!("{{\"a\": 1, \"z\": {}{}}}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(at(&deep, &["/a", "/a/b"]).unwrap(), [Some("1"), None]);
    }
}
