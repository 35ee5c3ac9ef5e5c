//! The retry budget of one endpoint: when every request fails, only a part of them is sent again.

/// The retry budget of one endpoint, in hundredths of a request. Each request makes a deposit, each retry
/// withdraws from it. If all requests fail, fewer than a fifth of them are retried. At most two retries
/// are saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RetryBudget(u32);

const DEPOSIT: u32 = 15;
const WITHDRAWAL: u32 = 100;
const MOST_SAVED: u32 = 2 * WITHDRAWAL;

/// A full budget: a single request that fails may be retried.
impl Default for RetryBudget {
    fn default() -> Self {
        Self(MOST_SAVED)
    }
}

impl RetryBudget {
    /// A budget that allows no retry.
    pub(super) fn empty() -> Self {
        Self(0)
    }

    pub(super) fn deposit(&mut self) {
        self.0 = (self.0 + DEPOSIT).min(MOST_SAVED);
    }

    /// Returns true if a request may be retried. The retry is withdrawn then.
    pub(super) fn withdraw(&mut self) -> bool {
        let Some(rest) = self.0.checked_sub(WITHDRAWAL) else { return false };
        self.0 = rest;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_a_fifth_of_the_requests_are_retried_when_all_fail() {
        for requests in [41, 100, 10_000] {
            let mut budget = RetryBudget::default();
            let retried = (0..requests).filter(|_| {
                budget.deposit();
                budget.withdraw()
            });
            let retried = retried.count();
            assert!(retried * 5 < requests && retried > 2, "{retried} of {requests}");
        }
    }
}
