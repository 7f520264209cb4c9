"""From boxes to predicted people: crops, flip test, decoding, rescoring and OKS-NMS."""
