"""Why is my number different? Two results side by side: settings that differ, and what each would change."""
