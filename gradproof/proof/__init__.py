"""The theorem: both networks give the same δ, ∂C/∂b and ∂C/∂w, on random architectures and on real digits."""
