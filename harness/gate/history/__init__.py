"""What a row's figures were, commit by commit: collected, put in order, cut into levels, and said."""
