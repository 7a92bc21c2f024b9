"""What each rule answers: yes, no or unknown."""
