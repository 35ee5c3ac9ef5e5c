//! Owner: packaging. The manual pages and completions in the repository are those that the program would make
//! now.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap_complete::Shell;
use clap_mangen::Man;

use super::roff::{Page, from_markdown};
use crate::manual::{known_keys, root};

/// The command that renews the files.
const RENEW: &str = "DIALHOOK_RENEW=1 cargo test packaging::generated";

#[test]
fn the_generated_files_are_up_to_date() {
    let folder = root().join("packaging");
    let generated = [
        ("man/dialhook.1", dialhook_1()),
        ("man/dialhook.toml.5", dialhook_toml_5()),
        ("completions/dialhook.bash", completion(Shell::Bash)),
        ("completions/_dialhook", completion(Shell::Zsh)),
        ("completions/dialhook.fish", completion(Shell::Fish)),
    ];
    let stale: Vec<_> = generated.iter().filter(|(name, text)| !agrees(&folder.join(name), text)).collect();
    let names: Vec<_> = stale.iter().map(|(name, _)| *name).collect();
    assert!(stale.is_empty(), "in packaging/ these are not up to date: {}; {RENEW}", names.join(", "));
}

/// True if the file has this text. Writes the text first if `DIALHOOK_RENEW` is set.
fn agrees(file: &Path, text: &str) -> bool {
    if std::env::var_os("DIALHOOK_RENEW").is_some() {
        fs::write(file, text).unwrap();
    }
    fs::read_to_string(file).is_ok_and(|there| there == text)
}

#[test]
fn every_key_is_in_the_manual_page() {
    let page = shown(&root().join("packaging/man/dialhook.toml.5"));
    for (section, keys) in known_keys() {
        for key in keys {
            let word =
                |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == key);
            assert!(page.lines().any(word), "{key} of {section} is not in dialhook.toml(5)");
        }
    }
}

#[test]
fn every_option_and_command_is_in_the_manual_page() {
    let page = shown(&root().join("packaging/man/dialhook.1"));
    for command in dialhook::cli::description().get_subcommands() {
        assert!(page.contains(&format!("dialhook {}", command.get_name())), "{command}");
        for long in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(page.contains(&format!("--{long}")), "--{long} of {command}");
        }
    }
    let help = dialhook::cli::description().render_help().to_string();
    assert!(help.contains("`man dialhook`") && help.contains("`man dialhook.toml`"), "{help}");
    for status in ["OVERLOADED", "BAD_REQUEST", "WEBHOOK_REASON"] {
        assert!(page.contains(status), "{status}");
    }
}

/// The page as groff shows it on 100 columns. Panics if groff complains.
pub(super) fn shown(page: &Path) -> String {
    let mut command = Command::new("groff");
    command.args(["-k", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=100n"]).arg(page);
    let output = command.output().expect("groff, of Debian's package groff-base");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", page.display());
    // a hyphen where a line is broken is none of ours: keys stand in bold, and are not broken
    String::from_utf8(output.stdout).unwrap().replace('\u{2010}', "-")
}

/// `dialhook(1)`: the command line as clap knows it, and the variables after a step, of docs/dialplan.md.
fn dialhook_1() -> String {
    let mut program = dialhook::cli::description().disable_help_subcommand(true);
    program.build();
    let mut page = Page::new("dialhook", "1");
    page.section("NAME");
    page.text("dialhook - a webhook step for the dialplans of Asterisk and FreeSWITCH");
    page.section("SYNOPSIS");
    for command in program.get_subcommands() {
        page.add(&part(|to| Man::new(command.clone()).render_synopsis_section(to)));
        page.control("br");
    }
    page.add(".SH DESCRIPTION\n");
    page.add(&part(|to| Man::new(program.clone()).render_description_section(to)));
    page.section("COMMANDS");
    for command in program.get_subcommands() {
        page.subsection(&format!("dialhook {}", command.get_name()));
        page.add(&part(|to| Man::new(command.clone()).render_description_section(to)));
        page.add(&part(|to| Man::new(command.clone()).render_options_section(to)));
    }
    let page_of_dialplan = fs::read_to_string(root().join("docs/dialplan.md")).unwrap();
    let (_, variables) =
        page_of_dialplan.split_once("\n## The variables after a step\n").expect("the section of the page");
    let (variables, _) = variables.split_once("\n## ").expect("the next one");
    page.section("THE VARIABLES AFTER A STEP");
    page.add(&from_markdown(variables));
    page.section("NOTES");
    page.add(&part(|to| Man::new(program.clone()).render_extra_section(to)));
    page.see_also(&["dialhook.toml(5)", "systemctl(1)", "systemd.socket(5)"]);
    page.end()
}

/// A section of clap_mangen's without its preamble and heading: it stands under one of ours.
fn part(render: impl Fn(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut text = Vec::new();
    render(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.split_once(".SH ").and_then(|(_, section)| section.split_once('\n')).unwrap().1.to_owned()
}

/// `dialhook.toml(5)`: docs/configuration.md.
fn dialhook_toml_5() -> String {
    let reference = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let (_title, text) = reference.split_once('\n').unwrap();
    let mut page = Page::new("dialhook.toml", "5");
    page.section("NAME");
    page.text("dialhook.toml - the configuration of dialhook");
    page.section("DESCRIPTION");
    page.add(&from_markdown(text));
    page.see_also(&["dialhook(1)", "systemd.exec(5)"]);
    page.end()
}

fn completion(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut dialhook::cli::description(), "dialhook", &mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn each_shell_can_read_its_completions() {
    let folder = root().join("packaging/completions");
    for (shell, file) in [("bash", "dialhook.bash"), ("zsh", "_dialhook"), ("fish", "dialhook.fish")] {
        reads(shell, &folder.join(file));
    }
}

fn reads(shell: &str, file: &PathBuf) {
    match Command::new(shell).arg("-n").arg(file).output() {
        Ok(output) => {
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && complaints.is_empty(), "{shell}: {complaints}");
        }
        Err(_) if shell != "bash" => {
            crate::util::skipped(&format!("whether {shell} can read its completions: there is no {shell}"));
        }
        Err(error) => panic!("bash: {error}"),
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let script = "source packaging/completions/dialhook.bash; COMP_WORDS=(dialhook \"$@\"); COMP_CWORD=$#\n\
                  _dialhook dialhook \"${!#}\" \"\"; echo \"${COMPREPLY[*]}\"";
    for (words, wanted) in [(vec!["se"], "serve"), (vec!["try", "crm", "--cal"], "--caller --callee")] {
        let output =
            Command::new("bash").current_dir(root()).args(["-c", script, "bash"]).args(&words).output();
        let output = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(output.trim(), wanted, "{words:?}");
    }
}
