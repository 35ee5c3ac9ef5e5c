//! Telephone numbers are masked, and other digits are not.

use super::*;

fn asterisk(channel: &str) -> Cow<'_, str> {
    TelephoneNumbers::Masked.show_channel(channel, SwitchKind::Asterisk)
}

fn freeswitch(channel: &str) -> Cow<'_, str> {
    TelephoneNumbers::Masked.show_channel(channel, SwitchKind::FreeSwitch)
}

#[test]
fn a_channel_of_asterisk_keeps_its_counter_while_its_number_is_masked() {
    for (channel, shown) in [
        ("PJSIP/31612345678-0000001a", "PJSIP/********678-0000001a"),
        ("PJSIP/31612345678-00000001", "PJSIP/********678-00000001"),
        ("Local/31612345678@from-trunk-00000001;2", "Local/********678@from-trunk-00000001;2"),
        ("SIP/+31612345678-deadbeef", "SIP/+********678-deadbeef"),
        ("PJSIP/trunk-00000002", "PJSIP/trunk-00000002"),
        ("PJSIP/1001-00000002", "PJSIP/1001-00000002"),
        ("Local/200@from-trunk-00000001;2", "Local/200@from-trunk-00000001;2"),
        ("PJSIP/31-6-12345678-0000001a", "PJSIP/**-*-*****678-0000001a"),
        // names without a counter
        ("Surrogate/31612345678", "Surrogate/********678"),
        ("SIP/trunk-31612345678", "SIP/trunk-********678"),
        ("-00000001", "-00000001"),
        ("", ""),
    ] {
        assert_eq!(asterisk(channel), shown);
    }
}

#[test]
fn eight_digits_at_the_end_of_a_channel_of_freeswitch_are_a_number() {
    for (channel, shown) in [
        ("sofia/internal/31612345678@1.2.3.4", "sofia/internal/********678@1.2.3.4"),
        ("sofia/internal/1001@192.168.100.200:5060", "sofia/internal/1001@192.168.100.200:5060"),
        ("sofia/gateway/dk-12345678", "sofia/gateway/dk-*****678"),
        ("loopback/0612345678-a", "loopback/*******678-a"),
        ("sofia/external/06-1234-5678@h", "sofia/external/**-****-*678@h"),
        ("sofia/internal/(31)6.12.34.56.78@h", "sofia/internal/(**)*.**.**.*6.78@h"),
        ("sofia/internal/%2831%296.12.34.56.78@h", "sofia/internal/%28**%29*.**.**.*6.78@h"),
        ("sofia/internal/+31%20(0)6%2d12345678@10.0.0.5", "sofia/internal/+**%20(*)*%2d*****678@10.0.0.5"),
        ("sofia/internal/12.34.56.78@h", "sofia/internal/**.**.*6.78@h"),
        ("sofia/external/192.168.1.10", "sofia/external/192.168.1.10"),
        ("sofia/internal/1.2.3@h", "sofia/internal/1.2.3@h"),
    ] {
        assert_eq!(freeswitch(channel), shown);
    }
}

#[test]
fn six_digits_are_a_number_and_five_are_not() {
    assert_eq!(TelephoneNumbers::Masked.show_text("12345 123456 1234567"), "12345 ***456 ****567");
    assert_eq!(
        TelephoneNumbers::Masked.show_text("123--456, 123-456-, -123456"),
        "123--456, ***-456-, -***456"
    );
}

#[test]
fn every_number_of_a_text_is_masked_and_nothing_else() {
    let text = "caller_number: \"31612345678\", caffè ☎ 0201234567, port 8084";
    assert_eq!(
        TelephoneNumbers::Masked.show_text(text),
        "caller_number: \"********678\", caffè ☎ *******567, port 8084"
    );
}

#[test]
fn a_number_with_separators_is_masked() {
    for (text, shown) in [
        ("06 12 34 56 78", "** ** ** *6 78"),
        ("+31 (0)20-123 45 67", "+** (*)**-*** *5 67"),
        ("+31 6 12345678", "+31 6 *****678"),
        ("(212) 555-0123", "(***) ***-*123"),
        ("212.555.0123", "***.***.*123"),
        ("01.23.45.67.89 or 1001", "**.**.**.*7.89 or 1001"),
        // a number between two extensions
        ("1001 31612345678 1002", "1001 ********678 1002"),
    ] {
        assert_eq!(TelephoneNumbers::Masked.show_text(text), shown);
    }
}

#[test]
fn addresses_dates_and_versions_are_not_masked() {
    for text in [
        "192.168.100.200:5060, 192.168.1.10-192.168.1.20 and 10.0.0.0/8.",
        "from 10.20.30.40.",
        "2026-11-26 22:38:57, 2026-11-26T22:38",
        "Asterisk 22.10.11, kernel 5.10.0-21, 100%",
        "call 1. 2345. 6789",
        "100%25",
    ] {
        assert_eq!(TelephoneNumbers::Masked.show_text(text), text);
    }
    for (text, shown) in [
        ("2026-11-26@h, 2026-11-26-31, 2026-13-26", "****-*1-26@h, ****-**-*6-31, ****-*3-26"),
        ("12.34.56.78.90, 1234.56.78.90", "**.**.**.*8.90, ****.**.*8.90"),
        ("192.168.100.200.5", "***.***.***.*00.5"),
    ] {
        assert_eq!(TelephoneNumbers::Masked.show_text(text), shown);
    }
}

#[test]
fn a_number_at_the_end_of_a_truncated_name_is_masked() {
    let long = format!("{}0612345678", "x".repeat(MAX_NAME - 8));
    assert_eq!(TelephoneNumbers::Masked.show_name(&long), format!("{}*******6…", "x".repeat(MAX_NAME - 8)));
    assert_eq!(TelephoneNumbers::Shown.show_name(&long), format!("{}06123456…", "x".repeat(MAX_NAME - 8)));
    let channel = format!("PJSIP/{}-0000001a", "1".repeat(1000));
    assert_eq!(asterisk(&channel), format!("PJSIP/{}…-0000001a", "*".repeat(MAX_NAME - 6)));
    assert_eq!(freeswitch(&"1".repeat(1000)), format!("{}…", "*".repeat(MAX_NAME)));
    assert_eq!(TelephoneNumbers::Shown.show_text(&"x".repeat(2 * MAX_TEXT)).chars().count(), MAX_TEXT + 1);
}

#[test]
fn a_long_text_is_masked_in_linear_time() {
    for text in ["1..", "1 ", "1.", "1%28", "%2", "12345 ", "1("] {
        let long = text.repeat(200_000);
        assert!(mask(&long).len() <= long.len());
    }
}

#[test]
fn nothing_is_masked_if_numbers_are_to_be_shown() {
    let channel = "PJSIP/31612345678-0000001a";
    assert_eq!(TelephoneNumbers::Shown.show_channel(channel, SwitchKind::Asterisk), channel);
    assert_eq!(TelephoneNumbers::Shown.show_text("31612345678"), "31612345678");
}
