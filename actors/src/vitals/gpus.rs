//! How busy graphics processors are, as their drivers and tools say it: percentages, one of each processor.

/// From `nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits`; a processor that does not say so has none.
#[cfg(any(not(target_os = "macos"), test))]
pub(super) fn nvidia(text: &str) -> Vec<f64> {
    text.lines().filter_map(|line| line.trim().parse::<f64>().ok()).filter(|percent| percent.is_finite()).collect()
}

/// The mean of percentages, as a share from 0 to 1; nothing of none.
pub(super) fn mean_share(percent: &[f64]) -> Option<f64> {
    (!percent.is_empty()).then(|| percent.iter().sum::<f64>() / percent.len() as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_processors_are_busy_for_their_mean_and_silence_is_no_number() {
        assert_eq!(nvidia("88\n 12\n[N/A]\n"), [88.0, 12.0]);
        assert_eq!(mean_share(&nvidia("88\n12\n")), Some(0.5));
        assert_eq!(mean_share(&nvidia("Failed to initialize NVML\n")), None);
    }
}
