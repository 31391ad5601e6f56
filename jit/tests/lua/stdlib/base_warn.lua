print(warn("@off")) warn("x", "y") warn("@on") try(warn) try(warn, 1, {}) try(warn, {}) try(warn, "a", nil)
