//! Times in the zone of this machine.
//!
//! The zone is that of `TZ` or `/etc/localtime`, with the rules in the system's time zone database.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};

/// The present moment in the zone of this machine.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    now: ZonedDateTime,
}

impl Clock {
    pub(super) fn now() -> Self {
        Self { now: Timestamp::now().to_zoned_datetime(TimeZone::system()) }
    }

    /// Returns a time of the daemon as `14:05:03`, with the date if it is not today.
    pub(super) fn short(&self, time: &str) -> String {
        let Some(time) = self.local(time) else { return time.to_owned() };
        let is_today = time.date() == self.now.date();
        time.strftime(if is_today { "%H:%M:%S" } else { "%m-%d %H:%M:%S" }).to_string()
    }

    /// Returns it as `14:05`, with the date if it is not today.
    pub(super) fn day_and_time(&self, time: &str) -> String {
        let Some(time) = self.local(time) else { return time.to_owned() };
        let is_today = time.date() == self.now.date();
        time.strftime(if is_today { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
    }

    /// Returns it whole, with milliseconds and the offset of the zone.
    pub(super) fn long(&self, time: &str) -> String {
        let Some(time) = self.local(time) else { return time.to_owned() };
        time.strftime("%Y-%m-%d %H:%M:%S%.3f %:z").to_string()
    }

    /// Reads a moment in the past: RFC 3339, a date and a time, or a time of the last 24 hours. Returns it in
    /// UTC.
    pub(super) fn moment(&self, text: &str) -> Option<String> {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Some(moment.to_string());
        }
        let in_zone = |moment: DateTime| moment.to_zoned_datetime(self.now.time_zone().clone()).ok();
        // a time alone would also be read as a date and a time
        if let Some(time) = time_of_day(text) {
            let today = in_zone(self.now.date().to_datetime(time))?;
            let moment =
                if today > self.now { yesterday(&self.now).map(|day| day.to_datetime(time)) } else { None };
            let moment = moment.map_or(Some(today), in_zone)?;
            return Some(moment.timestamp().to_string());
        }
        let moment: DateTime = text.parse().ok().filter(|_| text.contains(':'))?;
        Some(in_zone(moment)?.timestamp().to_string())
    }

    fn local(&self, time: &str) -> Option<ZonedDateTime> {
        Some(time.parse::<Timestamp>().ok()?.to_zoned_datetime(self.now.time_zone().clone()))
    }
}

/// ```text
/// time = 1*2DIGIT ":" 2DIGIT [ ":" 2DIGIT ]
/// ```
fn time_of_day(text: &str) -> Option<Time> {
    let numbers: Option<Vec<i8>> = text
        .split(':')
        .map(|part| {
            part.parse().ok().filter(|_| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .collect();
    match *numbers?.as_slice() {
        [hour, minute] => Time::new(hour, minute, 0, 0).ok(),
        [hour, minute, second] => Time::new(hour, minute, second, 0).ok(),
        _ => None,
    }
}

fn yesterday(now: &ZonedDateTime) -> Option<Date> {
    now.date().checked_sub(Span::new().days(1)).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns this moment in a zone with an offset of two hours.
    pub(in crate::cli::calls) fn clock(now: &str) -> Clock {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        Clock { now: now.parse::<Timestamp>().unwrap().to_zoned_datetime(zone) }
    }

    #[test]
    fn a_time_has_its_date_only_if_it_is_not_today() {
        let clock = clock("2026-06-30T12:00:00Z");
        assert_eq!(clock.short("2026-06-30T11:05:03.123Z"), "13:05:03");
        assert_eq!(clock.short("2026-06-29T21:59:59.999Z"), "06-29 23:59:59");
        assert_eq!(clock.short("2026-06-29T22:00:00.000Z"), "00:00:00");
        assert_eq!(clock.day_and_time("2026-06-29T11:05:03.123Z"), "2026-06-29 13:05");
        assert_eq!(clock.long("2026-06-30T11:05:03.120Z"), "2026-06-30 13:05:03.120 +02:00");
        assert_eq!(clock.short("soon"), "soon");
    }

    #[test]
    fn a_moment_is_a_time_of_the_last_day_or_a_date_and_a_time() {
        let clock = clock("2026-06-30T12:00:00Z");
        for (text, moment) in [
            ("14:00", "2026-06-30T12:00:00Z"),
            ("9:05", "2026-06-30T07:05:00Z"),
            ("14:00:01", "2026-06-29T12:00:01Z"),
            ("2026-06-28 14:05", "2026-06-28T12:05:00Z"),
            ("2026-06-28T14:05:06", "2026-06-28T12:05:06Z"),
            ("2026-06-28T14:05:06Z", "2026-06-28T14:05:06Z"),
            ("2026-06-28T14:05:06+01:00", "2026-06-28T13:05:06Z"),
        ] {
            assert_eq!(clock.moment(text).as_deref(), Some(moment), "{text}");
        }
        for text in ["", "25:00", "14:60", "14", "14:5:1:2", "+1:00", "soon", "2026-06-28", "014:05"] {
            assert_eq!(clock.moment(text), None, "{text}");
        }
    }
}
