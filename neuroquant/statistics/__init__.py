"""From scores to what tables and figures show: each interval and each test is computed once. Never imports torch."""
