//! Every metric: names, units, labels, buckets.
