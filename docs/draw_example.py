from PIL import Image, ImageDraw, ImageFilter
import sys
# a container ship on the sea
W,H=320,320
im=Image.new("RGB",(W,H))
d=ImageDraw.Draw(im)
for y in range(200):
    t=y/200; d.line([(0,y),(W,y)],fill=(int(120+70*t),int(165+50*t),int(215+25*t)))
for y in range(200,H):
    t=(y-200)/120; d.line([(0,y),(W,y)],fill=(int(50-20*t),int(95-30*t),int(135-35*t)))
d.polygon([(25,180),(295,180),(270,235),(60,235)],fill=(150,40,35))
d.polygon([(25,180),(295,180),(291,190),(32,190)],fill=(235,235,235))
d.rectangle([200,120,260,180],fill=(240,240,240))
for x in range(206,256,12): d.rectangle([x,130,x+7,138],fill=(60,80,110))
d.rectangle([218,90,240,120],fill=(60,60,70)); d.rectangle([218,96,240,104],fill=(190,60,50))
for i,c in enumerate([(200,120,50),(70,120,160),(90,140,80),(170,160,60)]):
    d.rectangle([55+i*35,150,86+i*35,180],fill=c)
    if i<3: d.rectangle([60+i*35,122,91+i*35,149],fill=(c[2],c[0],c[1]))
d.line([(45,180),(45,95)],fill=(80,80,80),width=4)
im=im.filter(ImageFilter.GaussianBlur(1))
im.save(sys.argv[1],quality=88)
