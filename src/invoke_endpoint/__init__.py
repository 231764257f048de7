import gc

# What imports make is no garbage; to look for some takes a tenth of a cold start. `entry_point` switches it on again.
gc.disable()
