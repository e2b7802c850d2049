"""The protocol against a model of a tool and of a warehouse: crashes, faults, interleavings."""
