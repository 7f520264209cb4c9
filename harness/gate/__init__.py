"""Comparisons: is a candidate the same as a base, better, worse, or can nobody tell?"""
