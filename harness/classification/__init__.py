"""Tables of image classifiers: trained by timm's recipes and tested on labelled folders of images.

`plan` makes a row's job, `run` runs it; `pictures` are the data sets, `drawn` makes one, `samples` and `lesson` are
what a training takes from timm, `answers` tests; `report` holds the records against published numbers.
"""
