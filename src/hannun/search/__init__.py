"""What a user asks goes in, ranked hits come out: queries, their conditions, and how their parts are fused."""
