//! Times, ages and counts as a person reads them.

/// Returns a duration: `2.4 ms`, `212 ms`, `12.3 s`.
pub(super) fn ms(ms: f64) -> String {
    match ms {
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 9_999.5 => format!("{} ms", grouped(ms)),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// Returns a duration in whole milliseconds.
pub(super) fn whole_ms(ms: u64) -> String {
    format!("{} ms", grouped_whole(ms))
}

/// Returns an age in its largest unit: `350 ms`, `12 s`, `4 min`, `3 h`, `2 d`.
pub(super) fn age(ms: u64) -> String {
    match ms / 1_000 {
        0 => format!("{ms} ms"),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Returns a share from 0 to 1 in percent. Only a share of exactly 1 is `100 %`.
pub(super) fn percent(share: f64) -> String {
    match share {
        share if share >= 1.0 => "100 %".to_owned(),
        share => format!("{:.1} %", (share * 1_000.0).floor() / 10.0),
    }
}

/// Returns a number with commas between its thousands.
pub(super) fn grouped_whole(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn grouped(number: f64) -> String {
    let rounded = format!("{number:.0}");
    rounded.parse().map_or(rounded, grouped_whole)
}

/// Returns an RFC 3339 time of UTC as a page shows it without JavaScript: `30 Nov 14:05:07 UTC`. Another text
/// stays as it is.
pub(super) fn utc(time: &str) -> String {
    let short = || {
        let (date, clock) = time.strip_suffix('Z')?.split_once('T')?;
        let mut date = date.split('-').skip(1);
        let month = MONTHS.get(date.next()?.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(format!("{} {month} {} UTC", date.next()?, clock.get(..8)?))
    };
    short().unwrap_or_else(|| time.to_owned())
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Returns the days from one RFC 3339 time to another, both of UTC; negative if the other is earlier.
pub(super) fn days_between(from: &str, to: &str) -> Option<i64> {
    Some(day(to)? - day(from)?)
}

/// Returns the number of the day, counted from 1970-03-01 in years that begin in March.
fn day(time: &str) -> Option<i64> {
    let mut date = time.split('T').next()?.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_figures_or_so() {
        assert_eq!(
            [0.04, 2.44, 9.96, 212.0, 1_001.2].map(ms),
            ["0.0 ms", "2.4 ms", "10 ms", "212 ms", "1,001 ms"]
        );
        assert_eq!(ms(12_345.0), "12.3 s");
        assert_eq!(whole_ms(1_234_567), "1,234,567 ms");
    }

    #[test]
    fn an_age_has_its_largest_unit() {
        let ages = [999, 1_000, 119_999, 120_000, 7_200_000, 172_800_000].map(age);
        assert_eq!(ages, ["999 ms", "1 s", "119 s", "2 min", "2 h", "2 d"]);
    }

    #[test]
    fn a_share_is_rounded_down_so_that_one_failure_shows() {
        assert_eq!([0.0, 0.5, 0.9999, 1.0].map(percent), ["0.0 %", "50.0 %", "99.9 %", "100 %"]);
    }

    #[test]
    fn a_time_is_short_and_a_stranger_s_text_stays() {
        assert_eq!(utc("2026-11-30T14:05:07.123Z"), "30 Nov 14:05:07 UTC");
        for other in ["", "now", "2026-13-01T00:00:00Z", "2026-11-30T14:05:07+01:00"] {
            assert_eq!(utc(other), other);
        }
    }

    #[test]
    fn days_are_counted_over_months_and_leap_years() {
        for (from, to, days) in [
            ("2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z", 1),
            ("2028-02-28T00:00:00Z", "2028-03-01T00:00:00Z", 2),
            ("2027-02-28T00:00:00Z", "2027-03-01T00:00:00Z", 1),
            ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", 365),
            ("2026-11-30T00:00:00Z", "2026-11-20T00:00:00Z", -10),
        ] {
            assert_eq!(days_between(from, to), Some(days), "{from} {to}");
        }
        assert_eq!(days_between("now", "2026-11-20T00:00:00Z"), None);
    }
}
