//! Owner: docs. The dialplans and configurations in docs/ pass `dialhook check`.

use std::fs;
use std::path::Path;

use dialhook::config::Config;
use tokio::process::Command;

use super::haproxy;

const PAGES: [&str; 6] = [
    "docs/recipes.md",
    "docs/scaling.md",
    "docs/reading-the-log.md",
    "docs/dialplan.md",
    "docs/answer.md",
    "docs/service.md",
];

/// The pages whose dialplan uses hooks of their own; the others use the hook of the recipes.
const WITH_HOOKS: [&str; 2] = ["docs/dialplan.md", "docs/answer.md"];

pub(crate) fn text(page: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

/// The blocks of a page in this language.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned() + "\n").collect()
}

#[tokio::test]
async fn every_dialplan_in_the_pages_passes_check() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("dialhook.toml");
    let mut seen = Vec::new();
    for page in PAGES {
        let hooks = if WITH_HOOKS.contains(&page) { page } else { "docs/recipes.md" };
        fs::write(&configuration, blocks(&text(hooks), "toml").concat()).unwrap();
        for (language, ending) in [("conf", "conf"), ("xml", "xml")] {
            for block in blocks(&text(page), language) {
                let file = folder.path().join(format!("{}.{ending}", seen.len()));
                fs::write(&file, &block).unwrap();
                let mut command = Command::new(env!("CARGO_BIN_EXE_dialhook"));
                command.args(["check", "--config"]).arg(&configuration).arg(&file);
                let output = command.output().await.unwrap();
                let output = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
                let line = output.lines().find(|line| line.starts_with("dialplan")).map(str::to_owned);
                let line = line.unwrap_or_else(|| panic!("{page}: {output}{block}"));
                let steps = block.matches("AGI(").count() + block.matches("application=\"socket\"").count();
                assert!(line.contains(&format!("no fault, {steps} webhook step")), "{page}: {line}\n{block}");
                seen.push((language, steps));
            }
        }
    }
    let steps = |wanted| {
        let seen = seen.iter().filter(|(language, _)| *language == wanted);
        seen.map(|(_, steps)| steps).sum::<usize>()
    };
    assert_eq!([steps("conf"), steps("xml")], [9, 9], "{seen:?}");
}

#[test]
fn the_pages_name_only_existing_files() {
    let readme = text("README.md");
    for page in PAGES {
        assert!(readme.contains(&format!("]({page})")), "{page} is not in README.md");
        for link in text(page).split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            let is_file = !file.is_empty() && !file.contains("://");
            let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
            assert!(!is_file || there.exists(), "{page}: {link}");
        }
    }
}

#[test]
fn the_configuration_in_the_haproxy_example_is_valid() {
    let example = fs::read_to_string(haproxy::example()).unwrap();
    let proposed = example.lines().filter_map(|line| line.strip_prefix("#     "));
    let proposed = proposed.map(|line| line.to_owned() + "\n").collect::<String>();
    let config =
        Config::parse(&proposed, Path::new("dialhook.toml")).expect("a configuration without faults");
    assert_eq!(config.limits.drain_notice.as_secs(), 5);
    assert!(config.listen.allow.is_some());
}
