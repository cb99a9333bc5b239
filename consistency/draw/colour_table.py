"""Colours of the labels 0 ... 256, well apart for normal and red-green deficient colour vision.

docs/make_colours.py chose them.  They are kept here because a colour must not change with the
machine: the choice hangs on the last bits of its arithmetic.
"""

TABLE = """
000000 e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7 77ffff 992222 0000ff 4488ff
44ddaa 445577 44ddff bb4411 6611cc 4499dd 66ffaa 337777 77bb77 33cccc 0066ee 880099
ddcc00 118855 883355 00eedd 2288cc 55bb99 bbdd77 ee7700 aa3311 11ccff cc22aa 0077ff
55eeaa 66aa66 007744 55aaff 226699 1144ff 99ffdd 99cc77 dd3344 22aacc aa2299 0066cc
77eeff 88ff77 22cc44 5599ff 448888 44bbbb 4444dd aaeecc aa9944 44ff00 992277 bb6699
4477dd 22dddd ff3322 ffaa55 992244 4499bb 6633aa 44ccaa cc6666 ccdd55 aa2233 8877ee
7733bb 77bbdd aa8844 aaee88 993366 5588bb 4422dd 55bbff 66aa88 ddeebb 228833 665588
5533ee 9988ee ff8899 aaff99 dd1122 773388 7755dd ffaa00 ff99cc 9977aa bb5555 990066
5544cc ff9955 aabbee 6688dd ee3388 aa0000 7700bb bbdd99 ee8800 dd88ee 886699 bb2233
3355ff 99ddbb dd8855 66aabb 5577aa bb1144 bbff66 88ddee 22cc66 55aadd 6655bb 995566
eeee88 99eeee cc9933 4499cc 7744aa aa6666 eebb88 bbccff 884455 cc66dd 4400ee 888855
bbcc99 88ffee aa2288 dd55bb aabbff ee0033 00dd88 99ffcc bb4477 0077cc 66aaee cc88aa
99cc11 88eebb 994466 7766cc dd5533 66bbcc 559988 66dd66 aaeedd 884499 cc44ff 992233
bb7799 ee9977 ffbbee 8855aa dd77ff eedd00 887733 ff7799 ffbbdd 9955bb 992266 eedd66
bb5577 9999cc 88ddcc 8866dd ee6600 99dd33 995588 22aaaa bb3300 4477ee ff5577 ccddaa
882299 aa99dd aa2222 cc11ee aa6688 33bb22 66ffbb 33ccbb 990077 2299ee 448844 ccaa44
bbee99 77bbaa 0033ff 8877cc 337755 669944 55ee55 ee99aa 7722bb cc66ff 556633 bb8855
aaee66 ccaadd dd1199 8866ee bb2222 66bb66 99ee77 00ccee 993377 aa55dd cc3322 66bb88
ddeeaa aaaaff 884488 5544ee 667744 ff8888 bbff22 dd77cc 990088 cc00bb 995555 55dd99
cc7733 99aadd dd7799 8844cc aa4477 33ee99 dd4411 88ccff 66aa99 aa77ee 448866 bbdd88
9900dd 99ddff 77aa22 dd77bb 556622 ddee77 3355dd 33eeee ff8866 ff0077 aa88dd 99ff88
aa2200 44eecc 88cc55 559966 6666bb
"""
