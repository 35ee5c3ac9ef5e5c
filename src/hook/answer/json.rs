//! What stands at some places of a JSON text, as it was written there.
//!
//! All places are looked for at once, and only the members on their ways are looked into: an answer of 1 MiB with fifty
//! places is read as often as the longest way has steps, not as often as there are places, and no tree is built of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The way to a place: the names of members, and the indexes of elements (RFC 6901).
type Way<'w> = &'w [String];

/// What stands at each of these places, without white space around it; nothing where there is no such place. Of members
/// with the same name the last one counts.
///
/// # Errors
/// When the text is not JSON.
pub(super) fn written<'t>(
    text: &'t str,
    places: &[Option<Way<'_>>],
) -> Result<Vec<Option<&'t str>>, serde_json::Error> {
    let whole: &RawValue = serde_json::from_str(text)?;
    let mut found = vec![None; places.len()];
    let ways = places.iter().zip(&mut found).filter_map(|(way, found)| Some(((*way)?, found)));
    follow(whole.get(), ways.collect())?;
    Ok(found)
}

/// Fills in what stands at the end of each way that begins at this value.
fn follow<'t>(value: &'t str, ways: Vec<(Way<'_>, &mut Option<&'t str>)>) -> Result<(), serde_json::Error> {
    let mut further: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (way, found) in ways {
        match way.split_first() {
            None => *found = Some(value),
            Some((name, rest)) => further.entry(name).or_default().push((rest, found)),
        }
    }
    let names: Vec<_> = further.keys().copied().collect();
    let mut reader = serde_json::Deserializer::from_str(value);
    let inside = match value.as_bytes().first() {
        Some(b'{' | b'[') if !names.is_empty() => Inside(&names).deserialize(&mut reader)?,
        _ => return Ok(()),
    };
    let inside = inside.into_iter().zip(further.into_values());
    inside.filter_map(|(value, ways)| Some((value?, ways))).try_for_each(|(value, ways)| follow(value, ways))
}

/// The members, or the elements, with these names, which are in order: each as it is written.
#[derive(Clone, Copy)]
struct Inside<'n>(&'n [&'n str]);

impl<'t> DeserializeSeed<'t> for Inside<'_> {
    type Value = Vec<Option<&'t str>>;

    fn deserialize<D: Deserializer<'t>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Inside<'_> {
    type Value = Vec<Option<&'t str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = vec![None; self.0.len()];
        while let Some(wanted) = members.next_key_seed(Name(self.0))? {
            match wanted.and_then(|at| found.get_mut(at)) {
                Some(found) => *found = Some(members.next_value::<&RawValue>()?.get()),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut found = vec![None; self.0.len()];
        let indexes: BTreeMap<usize, usize> =
            self.0.iter().zip(0..).filter_map(|(name, at)| Some((index(name)?, at))).collect();
        for number in 0.. {
            match indexes.get(&number).and_then(|at| found.get_mut(*at)) {
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

/// Which of these names, which are in order, a member has.
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

    use super::*;

    fn at<'t>(text: &'t str, pointers: &[&str]) -> Option<Vec<Option<&'t str>>> {
        let name = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let ways: Vec<Vec<_>> =
            pointers.iter().map(|way| way.split('/').skip(1).map(name).collect()).collect();
        written(text, &ways.iter().map(|way| Some(way.as_slice())).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn every_place_of_rfc_6901s_example_is_found() {
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
                found.map(|it| serde_json::from_str(it).unwrap()).as_ref(),
                "{pointer}"
            );
        }
    }

    #[test]
    fn of_members_with_one_name_the_last_counts_as_a_whole() {
        let text = r#"{"a": {"b": 1, "c": 2}, "\u0061": {"b": 3}}"#;
        assert_eq!(at(text, &["/a/b", "/a/c"]).unwrap(), [Some("3"), None]);
    }

    #[test]
    fn all_of_the_text_must_be_json_wherever_one_looks() {
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
