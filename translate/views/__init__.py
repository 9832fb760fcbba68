"""What an encoder is shown: pictures of a batch, changed on the device by numbers that are handed in."""
