"""What running MindSpore and TinyMS on these machines takes."""
