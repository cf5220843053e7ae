"""What is tested on a checkout of the real platform with all mails."""
